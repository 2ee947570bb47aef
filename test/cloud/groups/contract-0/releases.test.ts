// Stacks of earlier releases on a real Heat: the current templates must replace none of their servers.
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { dump, FAILSAFE_SCHEMA, load } from 'js-yaml';
import { ask, attempt, openstack, root } from '../../cloud.ts';
import { uploadEmptyImage } from '../../image.ts';
import { withNodeSignals } from '../../signals.ts';

const releases = path.join(root, 'test/releases');

async function servers(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', '^old-');
	return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
}

/** The contract of the images of a release. */
const contractOf = (release: string) => (release === '0.2.0' ? 0 : 1);

/** A release's stack directory, with the IDs of image and flavors on this cloud. */
async function directoryOf(release: string, folder: string): Promise<string> {
	const directory = path.join(folder, 'old');
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
			const kstack = (...words: string[]) => withNodeSignals('old', () => attempt('kstack', words, folder));
			t.teardown(async () => {
				await kstack('delete', 'old', '--yes');
				await rm(folder, { recursive: true, force: true });
			});
			await kstack('delete', 'old', '--yes'); // of an aborted run
			const directory = await directoryOf(release, folder);
			const file = (name: string) => path.join(directory, name);
			const environments = ['-e', file('parameters.yaml'), '-e', file('secrets.yaml')];
			await withNodeSignals('old', () =>
				openstack(
					...['stack', 'create', '-t', file('heat/cluster.yaml'), ...environments],
					...['--wait', 'old'],
				),
			);
			const before = await servers();
			t.is(Object.keys(before).length, 7);

			const plan = await kstack('plan', 'old', '--minions', '4');
			t.log(plan.stdout);
			t.is(plan.code, 3, plan.stderr);
			const { code, stderr } = await kstack('update', 'old', '--minions', '4');
			t.is(code, 0, stderr);
			const contract = contractOf(release);
			t.is(
				await minionTemplate(directory),
				contract === 0 ? 'minion.yaml' : `minion-contract-${contract}.yaml`,
			);
			const { 'old-minion-3': added, ...rest } = await servers();
			t.truthy(added);
			t.deepEqual(rest, before);
		},
	);
}
