import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readBundle, unpackBundle } from '../../src/image/bundle/unbundle.ts';
import { checksumOf } from '../../src/image/fetch/fetch.ts';
import { programs } from '../../src/image/fetch/kubernetes.ts';
import { type Component, lineFor } from '../../src/image/spec/components.ts';
import { debianArchive } from '../support/debian-archive.ts';
import { temporaryFolder } from '../support/folders.ts';
import { archive, machine } from '../support/kimg.ts';
import { output } from '../support/processes.ts';

const release = '1.20.4';

/** Kubernetes as `--kubernetes-source` takes it: programs that do nothing but say their version. */
async function fakeKubernetes(): Promise<string> {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'bin'));
	const pause = path.join(folder, 'images/pause');
	await mkdir(path.join(pause, 'rootfs'), { recursive: true });
	for (const name of programs) {
		const file = path.join(folder, 'bin', name);
		await writeFile(file, `#!/bin/bash\n# ${name}\necho Kubernetes v${release}\n`);
		await chmod(file, 0o755);
	}
	await writeFile(path.join(pause, 'rootfs/pause'), 'pause');
	await writeFile(path.join(pause, 'image.json'), '{"reference": "example.org/pause:1", "config": {}}');
	return folder;
}

/** A file such as upstream's, with all that the component's layout takes from it. */
async function fakeComponent({ url, layout, name }: Component, supply: string): Promise<string> {
	const file = path.join(supply, path.basename(url));
	if (!/\.(tar\.gz|tgz)$/.test(url)) await writeFile(file, name);
	else {
		const folder = await temporaryFolder();
		for (const member of Object.keys(layout)) {
			const place = path.join(folder, member === '' || member.endsWith('/') ? `${member}${name}` : member);
			await mkdir(path.dirname(place), { recursive: true });
			await writeFile(place, name);
		}
		const members = await readdir(folder);
		await output('tar', ['--create', '--gzip', `--file=${file}`, `--directory=${folder}`, ...members]);
	}
	return checksumOf(file);
}

/** An own profile on Debian 8 that takes other releases than the real ones, and a folder that has them. */
async function ownProfile(folder: string): Promise<string[]> {
	const supply = await temporaryFolder();
	const version = '0.0.1';
	const fakeProgram = { version, checksum: `sha256:${'0'.repeat(64)}` };
	const names = lineFor(release).companions.map(({ name }) => name);
	const choices = Object.fromEntries(names.map((name) => [name, fakeProgram]));
	const lines: string[] = [];
	for (const component of lineFor(release, choices).companions) {
		const checksum = await fakeComponent(component, supply);
		lines.push(`  ${component.name}: {version: ${version}, checksum: "${checksum}"}`);
	}
	await writeFile(
		path.join(folder, 'mine.yaml'),
		`base: debian8-x64-kubernetes\nversions:\n${lines.join('\n')}\n`,
	);
	return ['mine.yaml', '--components', supply];
}

async function bundled() {
	const root = await archive();
	const here = await machine(root);
	const kubernetes = await fakeKubernetes();
	const words = [...(await ownProfile(here.cwd)), '--kubernetes-source', kubernetes];
	return { root, ...here, kubernetes, words };
}

test('a bundle holds what the image is made from, the same bytes each time, and is checked file by file', async (t) => {
	const { cwd, cache, kimg, kubernetes, words } = await bundled();
	const first = await kimg(['bundle', ...words]);
	t.is(first.code, 0, first.stderr);
	const file = path.join(cwd, 'mine.bundle.tar');
	t.is(first.stdout, `${file}\n`);
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	const again = await kimg(['bundle', ...words, '--out', 'again.tar']);
	t.true((await readFile(again.stdout.trim())).equals(await readFile(file)));

	const bundle = await readBundle(file);
	t.is(bundle.plan.kubernetes, release);
	t.is(bundle.source, 'folder');
	const work = await temporaryFolder();
	const { lock, inputs } = await unpackBundle(file, bundle, work);
	for (const name of programs) {
		const kept = path.join(inputs.places.binaries, name);
		t.is(await checksumOf(kept), await checksumOf(path.join(kubernetes, 'bin', name)));
		t.is(lock.components.kubernetes?.files?.[`/usr/local/bin/${name}`], await checksumOf(kept));
	}
	t.is(
		lock.images['example.org/pause:1']?.checksum,
		await checksumOf(path.join(inputs.places.archives, 'pause.tar')),
	);
	t.deepEqual((await readdir(inputs.places.components)).sort(), [
		...lineFor(release)
			.companions.map(({ name }) => name)
			.sort(),
	]);
	t.true(inputs.elements.some((one) => one.path === 'kubernetes-node/element-deps'));
});

test('kimg build --bundle wants the packages of its lock, names those that are others, and leaves nothing', async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: images are built by root alone');
		return t.pass();
	}
	const { root, cwd, cache, kimg, words } = await bundled();
	t.is((await kimg(['bundle', ...words])).code, 0);
	await debianArchive(path.join(root, 'debian-security'), 'jessie/updates', [
		{ name: 'jq', version: '8.0-1+deb8u2' },
	]);
	const ended = await kimg(['build', '--bundle', 'mine.bundle.tar']);
	t.is(ended.code, 1);
	t.regex(
		ended.stderr,
		/kimg: [^\n]* the lock:\n {2}- package jq: the lock has 8\.0-1\+deb8u1 .*, found 8\.0-1\+deb8u2 .*\n {2}Use a mirror snapshot of 2026-11-21T10:00:00Z, /,
	);
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	t.false((await readdir(cwd)).includes('mine.qcow2'));
});

for (const [args, code, stderr] of [
	[
		['build', 'debian12-x64-kubernetes', '--bundle', 'b', '--mirror', '/', '--locked'],
		2,
		/^kimg: 3 mistakes:\n.* debian12-x64-kubernetes\.\n.* --locked\.\n.* --mirror\.\n/,
	],
	[['build', '--bundle', 'none.tar'], 2, /^kimg: .* none\.tar\.\n {2}.*kimg bundle\n$/],
	[['build', '--bundle', 'text'], 1, /^kimg: text .*\n {2}Copy it again, /],
	[['bundle', 'debian7'], 2, /^kimg: There is no profile "debian7"\./],
] as const) {
	test(`\`kimg ${args.join(' ')}\` is refused in a sentence, and writes nothing`, async (t) => {
		const { cwd, cache, kimg } = await machine('/nowhere');
		await writeFile(path.join(cwd, 'text'), 'hello '.repeat(500));
		const ended = await kimg(args);
		t.is(ended.code, code, ended.stderr);
		if (typeof stderr === 'string') t.is(ended.stderr, stderr);
		else t.regex(ended.stderr, stderr);
		t.deepEqual([...(await readdir(cwd)), ...(await readdir(cache))], ['text']);
	});
}
