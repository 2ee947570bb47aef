// Flags and settings of a drain reach the masters that carry it out.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';

import { on } from '../support/kstack-on-cloud.ts';
import { kubernetesThat, withKubernetes } from '../support/leaving.ts';

/** The annotations of the request to drain, when `update` with these flags and edits removes a minion. */
async function annotationsOf(
	t: ExecutionContext,
	flags: readonly string[],
	edits: Readonly<Record<string, string>>,
): Promise<unknown> {
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? 'drained' : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const file = path.join(folder, 'demo/cluster.yaml');
	let text = await readFile(file, 'utf8');
	for (const [key, value] of Object.entries({ minions: '2', ...edits }))
		text = text.replace(new RegExp(`^${key}: .*$`, 'm'), `${key}: ${value}`);
	await writeFile(file, text);
	await on(stages(2), ['update', 'demo', '--yes', ...flags], { cwd: folder });
	return JSON.parse(kubernetes.sent[0] ?? '{}').metadata?.annotations;
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
		t.like(await annotationsOf(t, flags, edits), {
			'kstack.io/leave-timeout': timeout,
			'kstack.io/leave-force': force,
		});
	});
}
