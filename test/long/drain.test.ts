// Flags and settings of a drain reach the masters that carry it out.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Answers, event } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { kubernetesThat, withKubernetes } from '../support/leaving.ts';

/** The annotations of the request to drain, and what Heat and cluster.yaml are told of the timeout, when `update` with these flags and edits removes a minion. */
async function drained(
	t: ExecutionContext,
	flags: readonly string[],
	edits: Readonly<Record<string, string>>,
) {
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? 'drained' : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const file = path.join(folder, 'demo/cluster.yaml');
	let text = await readFile(file, 'utf8');
	for (const [key, value] of Object.entries({ minions: '2', ...edits }))
		text = text.replace(new RegExp(`^${key}: .*$`, 'm'), `${key}: ${value}`);
	await writeFile(file, text);
	const { asked } = await on(stages(2), ['update', 'demo', '--yes', ...flags], { cwd: folder });
	return {
		annotations: JSON.parse(kubernetes.sent[0] ?? '{}').metadata?.annotations as unknown,
		toHeat: /drain_timeout=(\d+)/.exec(updates(asked).join())?.[1],
		inFile: /^drainTimeout: (\d+)$/m.exec(await readFile(file, 'utf8'))?.[1],
	};
}

for (const [what, flags, edits, timeout, force] of [
	['--drain-timeout', ['--drain-timeout', '77'], {}, '77', 'false'],
	['--force', ['--force'], {}, '300', 'true'],
	['--drain-force, a setting', ['--drain-force', 'true'], {}, '300', 'true'],
	['drainForce in cluster.yaml', [], { drainForce: 'true' }, '300', 'true'],
	['drainTimeout in cluster.yaml', [], { drainTimeout: '60' }, '60', 'false'],
	['--drain-timeout before drainTimeout', ['--drain-timeout', '77'], { drainTimeout: '60' }, '77', 'false'],
] as const) {
	test(`the drain of an update uses the options given by ${what}`, async (t) => {
		const { annotations, toHeat, inFile } = await drained(t, flags, edits);
		t.like(annotations, { 'kstack.io/leave-timeout': timeout, 'kstack.io/leave-force': force });
		const setting = 'drainTimeout' in edits ? edits.drainTimeout : undefined;
		t.is(toHeat, setting, '--drain-timeout is for one command: Heat does not get it');
		t.is(inFile, setting ?? '300');
	});
}

test("Heat's timeout of an update covers the drain of the nodes that it removes", async (t) => {
	const { folder, stages } = await made();
	const [first, last] = stages(2) as [Answers, Answers];
	const withTimeout = (shown: unknown, seconds: number) => {
		const stack = shown as { parameters: object };
		return { ...stack, parameters: { ...stack.parameters, drain_timeout: String(seconds) } };
	};
	const updated = (number: number) =>
		[1, number].map((one) => event(one, one === 1 ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE'));
	const raised = {
		'stack-show-demo': withTimeout(first['stack-show-demo'], 43_200),
		'stack-event-list': updated(2),
	};
	const restored = { ...last, 'stack-event-list': updated(3) };
	const args = ['scale', 'demo', '--minions', '-1', '--yes', '--drain-timeout', '43200'];
	const { code, stderr, asked } = await on([first, raised, restored], args, { cwd: folder });
	t.is(code, 0, stderr);
	const sent = updates(asked).map((line) => [
		/drain_timeout=(\d+)/.exec(line)?.[1],
		/'--timeout' '(\d+)'/.exec(line)?.[1],
	]);
	// 1200 s for a boot, 43200 s for a drain, and 20 minutes. Heat restores 300 s while nodes still drain with 43200 s.
	t.deepEqual(sent, [
		['43200', '760'],
		['300', '760'],
	]);
});
