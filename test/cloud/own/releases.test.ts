// Stacks as earlier releases made them, on a real Heat: today's templates must replace none of their servers.
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { dump, load } from 'js-yaml';
import { ask, attempt, openstack, root } from '../cloud.ts';
import { imageId } from '../image.ts';
import { standingInFor } from '../stand-in.ts';

const releases = path.join(root, 'test/releases');

async function servers(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', '^old-');
	return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
}

/** A release's stack directory, with the IDs that this cloud has for image and flavors. */
async function directoryOf(release: string, folder: string): Promise<string> {
	const directory = path.join(folder, 'old');
	await cp(path.join(releases, release), directory, { recursive: true });
	const file = path.join(directory, 'parameters.yaml');
	const environment = load(await readFile(file, 'utf8')) as { parameters: Record<string, unknown> };
	const flavors = await ask<{ ID: string; Name: string }[]>('flavor', 'list');
	for (const role of ['master', 'minion', 'gateway']) {
		const flavor = environment.parameters[`${role}_flavor`];
		environment.parameters[`${role}_image`] = await imageId();
		environment.parameters[`${role}_flavor`] = flavors.find(({ Name }) => Name === flavor)?.ID;
	}
	await writeFile(file, dump(environment));
	return directory;
}

for (const release of readdirSync(releases)) {
	test.serial(`an update replaces no server of a stack that ${release} made`, async (t) => {
		const folder = await mkdtemp(path.join(tmpdir(), 'kstack-old-'));
		const kstack = (...words: string[]) => standingInFor('old', () => attempt('kstack', words, folder));
		t.teardown(async () => {
			await kstack('delete', 'old', '--yes');
			await rm(folder, { recursive: true, force: true });
		});
		await kstack('delete', 'old', '--yes'); // of a run that was killed
		const directory = await directoryOf(release, folder);
		const file = (name: string) => path.join(directory, name);
		const environments = ['-e', file('parameters.yaml'), '-e', file('secrets.yaml')];
		await standingInFor('old', () =>
			openstack('stack', 'create', '-t', file('heat/cluster.yaml'), ...environments, '--wait', 'old'),
		);
		const before = await servers();
		t.is(Object.keys(before).length, 7);

		const plan = await kstack('plan', 'old', '--minions', '4');
		t.log(plan.stdout);
		t.is(plan.code, 3, plan.stderr);
		const { code, stderr } = await kstack('update', 'old', '--minions', '4');
		t.is(code, 0, stderr);
		const { 'old-minion-3': added, ...rest } = await servers();
		t.truthy(added);
		t.deepEqual(rest, before);
	});
}
