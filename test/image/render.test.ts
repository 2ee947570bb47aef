import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { readTree, sorted, type Tree } from '../../src/base/tree.ts';
import { renderImage } from '../../src/image/operations/render.ts';
import { matchesGolden } from '../support/golden.ts';
import { plans } from '../support/images.ts';

/** What kimg makes of the elements: every file's name and mode, and the text of those that are not copies. */
async function particular(tree: Tree): Promise<Tree> {
	const originals = new Map(
		(await readTree(path.join(packageRoot, 'elements'))).map((file) => [file.path, file.text]),
	);
	const made = tree.filter((file) => originals.get(file.path.replace(/^elements\//, '')) !== file.text);
	const listing = tree.map((file) => `${file.mode.toString(8)} ${file.path}\n`).join('');
	return sorted([...made, { path: 'FILES', mode: 0o644, text: listing }]);
}

/** What is rendered for each image. */
const rendered = new Map<string, Tree>();
for (const [name, plan] of Object.entries(plans)) rendered.set(name, await renderImage(plan));

for (const [name, tree] of rendered) {
	test(`${name} renders as in test/golden`, async (t) => {
		await matchesGolden(t, `image/${name}`, await particular(tree));
	});

	test(`${name}: nothing of this machine is in what is rendered`, async (t) => {
		for (const file of tree) {
			t.notRegex(file.text, /\/home\/|\/root\/|(deb|security|snapshot)\.debian\.org/, file.path);
			t.false(file.text.includes(packageRoot), file.path);
		}
	});
}

test('hooks have names that diskimage-builder accepts: it ignores others without an error', (t) => {
	for (const tree of rendered.values()) {
		for (const file of tree) {
			const hook = /\/[a-z-]+\.d\/([^/]+)$/.exec(file.path)?.[1];
			if (hook === undefined || file.path.includes('/static/') || file.path.includes('/environment.d/'))
				continue;
			t.regex(hook, /^\d\d-[0-9A-Za-z_-]+$/, file.path);
			t.is(file.mode, 0o755, file.path);
		}
	}
});

test('the image contains a record of its contents', (t) => {
	const [plan, tree] = [plans['debian12-x64-kubernetes'], rendered.get('debian12-x64-kubernetes')];
	if (plan === undefined || tree === undefined) return t.fail();
	const record = tree.find((file) => file.path.endsWith('/usr/share/kstack/image.json'));
	const { profile, kubernetes, components } = JSON.parse(record?.text ?? '{}');
	t.is(profile, plan.profile.name);
	t.is(kubernetes, '1.35.4');
	t.is(components.etcd, '3.6.14');
});

test('each addon is valid YAML after rendering', async (t) => {
	const { load } = await import('js-yaml');
	for (const tree of rendered.values()) {
		for (const file of tree) {
			if (!/\/usr\/share\/kstack\/addons\/.*yaml$/.test(file.path)) continue;
			const filled = file.text.replaceAll('@@POD_SUBNET_LENGTH@@', '24').replace(/@@[A-Z_]+@@/g, '10.0.0.1');
			const { kind, items } = load(filled) as { kind: string; items: { kind: string }[] };
			t.is(kind, 'List', file.path);
			t.true(items.every((item) => typeof item.kind === 'string'));
			t.notRegex(filled, /<%/);
		}
	}
});

test('the rendered script calls diskimage-builder as documented', (t) => {
	const tree = rendered.get('debian8-x64-kubernetes');
	const script = tree?.find((file) => file.path === 'build')?.text ?? '';
	t.regex(script, /^exec disk-image-create -n -a amd64 -o debian8-x64-kubernetes .* kubernetes-node /m);
});
