// Stacks of earlier releases on a real Heat: the current templates must replace none of their servers.
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { dump, FAILSAFE_SCHEMA, load } from 'js-yaml';
import { ask, attempt, openstack, root } from '../../cloud.ts';
import { uploadEmptyImage } from '../../image.ts';
import { excess, snapshots, watching } from '../../security-groups.ts';
import { withNodeSignals } from '../../signals.ts';

/** The name of the stacks in test/releases. */
const name = 'old';
const releases = path.join(root, 'test/releases');

async function servers(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', `^${name}-`);
	return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
}

/** The contract of the images of a release. */
const contractOf = (release: string) => (release === '0.2.0' ? 0 : 1);

/** A release's stack directory, with the IDs of image and flavors on this cloud. */
async function directoryOf(release: string, folder: string): Promise<string> {
	const directory = path.join(folder, name);
	await cp(path.join(releases, release), directory, { recursive: true });
	const file = path.join(directory, 'parameters.yaml');
	const { parameters } = load(await readFile(file, 'utf8')) as { parameters: Record<string, unknown> };
	const flavors = await ask<{ ID: string; Name: string }[]>('flavor', 'list');
	const image = images[release] as string;
	for (const role of ['master', 'minion', 'gateway']) {
		const flavor = parameters[`${role}_flavor`];
		// The contracts are recorded by the name of the image as well.
		parameters.generations = String(parameters.generations ?? '{}').replaceAll(
			JSON.stringify(parameters[`${role}_image`]),
			JSON.stringify(image),
		);
		parameters[`${role}_image`] = image;
		parameters[`${role}_flavor`] = flavors.find(({ Name }) => Name === flavor)?.ID;
	}
	if (parameters.generations === '{}') delete parameters.generations;
	await writeFile(file, dump({ parameters }));
	return directory;
}

/** The template of the minions in the stack directory after an update. */
async function minionTemplate(directory: string): Promise<string> {
	const root = load(await readFile(path.join(directory, 'heat/cluster.yaml'), 'utf8'), {
		schema: FAILSAFE_SCHEMA,
	}) as { resources: { minions: { properties: { resource_def: { type: string } } } } };
	return root.resources.minions.properties.resource_def.type;
}

const images: Record<string, string> = {};

test.after.always(async () => {
	const ids = Object.values(images);
	if (ids.length > 0) await openstack('image', 'delete', ...ids);
});

for (const release of readdirSync(releases)) {
	test.serial(
		`an update of a stack of ${release} replaces no server, and a new member uses the contract of its image`,
		async (t) => {
			images[release] = await uploadEmptyImage(`of-${release}`, contractOf(release));
			const folder = await mkdtemp(path.join(tmpdir(), 'kstack-old-'));
			const kstack = (...words: string[]) => withNodeSignals(name, () => attempt('kstack', words, folder));
			t.teardown(async () => {
				await kstack('delete', name, '--yes');
				await rm(folder, { recursive: true, force: true });
			});
			await kstack('delete', name, '--yes'); // of an aborted run
			const directory = await directoryOf(release, folder);
			const file = (name: string) => path.join(directory, name);
			const environments = ['-e', file('parameters.yaml'), '-e', file('secrets.yaml')];
			await withNodeSignals(name, () =>
				openstack(
					...['stack', 'create', '-t', file('heat/cluster.yaml'), ...environments],
					...['--wait', name],
				),
			);
			const before = await servers();
			t.is(Object.keys(before).length, 7);

			const plan = await kstack('plan', name, '--minions', '4');
			t.log(plan.stdout);
			t.is(plan.code, 3, plan.stderr);
			const read = await snapshots(name);
			const ports = (await read())?.ports ?? {};
			t.is(Object.keys(ports).length, 7);
			const { result, seen, gaps } = await watching(name, () => kstack('update', name, '--minions', '4'));
			t.is(result.code, 0, result.stderr);
			t.log(`${seen} snapshots of the security groups`);
			t.deepEqual(gaps, [], 'at each moment, every member is allowed what it needs');
			const after = await read();
			for (const [member, { id }] of Object.entries(ports)) t.is(after?.ports[member]?.id, id, member);
			const groups = (member: string) =>
				after?.ports[member]?.security_groups.map((id) => after.groups[id]?.name).sort();
			const shared = contractOf(release) === 0;
			for (const index of [0, 3])
				t.deepEqual(groups(`${name}-minion-${index}`), [
					...(shared ? [name] : []),
					...[`${name}-all-nodes`, `${name}-worker-nodes`],
				]);
			if (!shared && after !== undefined) t.deepEqual(excess(after), []);
			const contract = contractOf(release);
			t.is(
				await minionTemplate(directory),
				contract === 0 ? 'minion.yaml' : `minion-contract-${contract}.yaml`,
			);
			const { [`${name}-minion-3`]: added, ...rest } = await servers();
			t.truthy(added);
			t.deepEqual(rest, before);
		},
	);
}
