// What --dry-run prints, and that it changes neither cloud, cluster nor files.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readTree } from '../../src/base/tree.ts';
import { type Answers, emptyCloud } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { upgradable } from '../support/upgrading.ts';

const changing = (asked: readonly string[]) =>
	asked.filter(
		(line) => /^'(stack|server)' '(create|update|delete)'/.test(line) && !/'--dry-run'/.test(line),
	);

/** The titles that stdout lists, after it was checked that nothing changed. */
async function titlesOf(
	t: ExecutionContext,
	cloud: Answers,
	folder: string,
	args: readonly string[],
): Promise<string[]> {
	const before = await readTree(folder);
	const { code, stdout, stderr, asked } = await on([cloud], [...args, '--dry-run'], { cwd: folder });
	t.is(code, 0, stderr);
	t.deepEqual(changing(asked), []);
	t.deepEqual(await readTree(folder), before);
	const [head, ...lines] = stdout.trimEnd().split('\n');
	t.regex(head ?? '', /dry run/);
	return lines.map((line) => line.replace(/^ *\d+\. /, ''));
}

test('scale prints the removed nodes and the steps', async (t) => {
	const { folder, stages } = await made();
	const titles = await titlesOf(t, stages(3)[0] as Answers, folder, ['scale', 'demo', '--minions', '-1']);
	t.deepEqual(titles, [
		'Draining demo-minion-2',
		'Updating the stack demo',
		'Deleting the Node objects of demo-minion-2',
	]);
});

test('update shows the steps of an edit', async (t) => {
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/cluster.yaml');
	await writeFile(file, (await readFile(file, 'utf8')).replace('minions: 3', 'minions: 4'));
	const titles = await titlesOf(t, stages(3)[0] as Answers, folder, ['update', 'demo']);
	t.deepEqual(titles, ['Updating the stack demo', 'Writing demo/kubeconfig']);
});

test('delete shows the steps, and deletes nothing', async (t) => {
	const { folder, stages } = await made();
	const resources = [{ resource_type: 'OS::Nova::Server', physical_resource_id: 'server-demo-minion-0' }];
	const cloud = { ...(stages(3)[0] as Answers), 'stack-resource-list': resources };
	const titles = await titlesOf(t, cloud, folder, ['delete', 'demo']);
	t.is(titles.length, 4);
	t.regex(titles.at(-1) ?? '', /demo\/secrets\.yaml/);
});

test('create shows the steps, and writes no stack directory', async (t) => {
	const titles = await titlesOf(t, emptyCloud, await temporaryFolder(), ['create', 'demo']);
	t.deepEqual(titles.slice(1, 3), ['Validating the templates with Heat', 'Creating demo']);
});

test('replace prints that another node is added before the node is drained and removed', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const titles = await titlesOf(t, cluster.now(), cluster.folder, ['replace', 'demo', 'demo-minion-0']);
	t.deepEqual(titles, [
		'Adding a new minion before demo-minion-0 is removed',
		'Draining demo-minion-0',
		'Removing demo-minion-0, which the new minion replaces',
		'Deleting the Node objects of demo-minion-0',
	]);
	t.deepEqual(
		cluster.kubernetes.asked.filter((line) => !line.startsWith('GET')),
		[],
	);
});

test('upgrade prints all of its steps', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const titles = await titlesOf(t, cluster.now(), cluster.folder, [
		...['upgrade', 'demo', '--image', 'next-patch'],
	]);
	t.deepEqual(
		titles.filter((title) => /^(Issuing|Adding|Removing)/.test(title)),
		[
			'Issuing a token for new masters',
			'Adding masters of generation 2: 1 of 1 (3 of generation 1 left)',
			'Removing demo-master-0 (2 of generation 1 left)',
			'Adding minions of generation 2: 1 of 2 (2 of generation 1 left)',
			'Adding minions of generation 2: 2 of 2; removing demo-minion-1 (1 of generation 1 left)',
			'Removing demo-minion-0 (0 of generation 1 left)',
			'Removing the empty pools of generation 1',
		],
	);
	t.deepEqual(
		cluster.kubernetes.asked.filter((line) => !line.startsWith('GET')),
		[],
	);
});

test('a dry run is refused for the same reasons as the steps: new masters without a kubeconfig', async (t) => {
	const { folder, stages } = await made();
	const { code, stdout, stderr } = await on(stages(3), ['scale', 'demo', '--masters', '3', '--dry-run'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.is(stdout, '');
	t.regex(stderr, /There is no demo\/kubeconfig/);
});
