import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { Answers } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';

async function edit(folder: string, file: string, from: string, to: string): Promise<void> {
	const edited = path.join(folder, 'demo', file);
	const text = await readFile(edited, 'utf8');
	if (!text.includes(from)) throw new Error(`no ${from}`);
	await writeFile(edited, text.replace(from, to));
}

test('plan without changes has exit code 0', async (t) => {
	const { folder, stages } = await made();
	const { code, stdout, stderr } = await on(stages(3), ['plan', 'demo'], { cwd: folder });
	t.deepEqual([code, stdout, stderr], [0, 'demo is up to date: nothing to change.\n', '']);
});

test("plan shows changes with exit code 3, uses Heat's dry run, and changes nothing", async (t) => {
	const { folder, stages } = await made();
	await edit(folder, 'parameters.yaml', '  minion_count: 3', '  minion_count: 2');
	const before = await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8');
	const { code, stdout, asked } = await on(stages(3), ['plan', 'demo', '-o', 'json'], { cwd: folder });
	t.is(code, 3);
	const { changes } = JSON.parse(stdout) as { changes: object[] };
	t.like(
		changes.find((change) => 'path' in change && change.path === 'minions/2/server'),
		{ action: 'delete', name: 'demo-minion-2', path: 'minions/2/server', loses: false },
	);
	t.true(asked.some((line) => /'stack' 'update' '--dry-run' '--existing' .*'minion_count=2'/.test(line)));
	t.deepEqual(updates(asked), []);
	t.is(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), before);
});

test('a change that replaces a server has exit code 4, in plan and in update, which refuses it', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(3);
	// As if the cluster had been made with minions of another image.
	const template = first?.['stack-template-show'];
	const other = JSON.parse(
		JSON.stringify(template).replace('{"get_param":"minion_image"}', '"image-0"'),
	) as object;
	const cloud = [{ ...first, 'stack-template-show': other }, second as Answers];
	await edit(folder, 'heat/cluster.yaml', 'description', '# \ndescription');
	const plan = await on(cloud, ['plan', 'demo'], { cwd: folder });
	t.is(plan.code, 4, plan.stderr);
	t.regex(plan.stdout, /^REPLACE ! +server +demo-minion-0 +image$/m);
	const refused = await on(cloud, ['update', 'demo'], { cwd: folder });
	t.is(refused.code, 4);
	t.regex(
		refused.stderr,
		/kstack: The update of demo would replace or delete what is in use:\n {2}replace server demo-minion-0: image\n/,
	);
	t.deepEqual(updates(refused.asked), []);
	const meant = await on(cloud, ['update', 'demo', '--allow-replace'], { cwd: folder });
	t.is(meant.code, 0, meant.stderr);
	t.is(updates(meant.asked).length, 1);
});
