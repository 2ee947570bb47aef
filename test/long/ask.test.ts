import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { temporaryFolder } from '../support/folders.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { kstack } from '../support/processes.ts';

test('kubeconfig uses the key of the stack directory and the certificate that the first master has signed', async (t) => {
	const { folder, stages } = await made();
	const key = await readFile(path.join(folder, 'demo/operator.key'), 'utf8');
	const first = await on(stages(3), ['kubeconfig', 'demo'], { cwd: folder });
	t.is(first.code, 0, first.stderr);
	const config = load(first.stdout) as { users: { user: Record<string, string> }[] };
	const encoded = config.users[0]?.user['client-key-data'] ?? '';
	t.is(Buffer.from(encoded, 'base64').toString(), key);
	const again = await on(stages(3), ['kubeconfig'], { cwd: path.join(folder, 'demo') });
	t.is(again.stdout, first.stdout, 'and in its directory it needs no name');
});

test('a cluster can have a name that is another type in YAML', async (t) => {
	const folder = await temporaryFolder();
	for (const name of ['null', 'true', 'e1', 'y']) {
		t.is((await kstack(['render', name], { cwd: folder })).stdout, `${name}\n`);
		t.is((await kstack(['render', name], { cwd: folder })).stdout, `${name}\n`, 'its own file is read');
		t.is((await kstack(['render'], { cwd: path.join(folder, name) })).stdout, '.\n', 'also without its name');
	}
});

test('the default name is the cluster of the directory, or kubernetes', async (t) => {
	const folder = await temporaryFolder();
	const { stdout } = await kstack(['render', '--minions', '3'], { cwd: folder });
	t.is(stdout, 'kubernetes\n');
	const inside = path.join(folder, 'kubernetes');
	t.is((await kstack(['render'], { cwd: inside })).stdout, '.\n');
	t.regex(await readFile(path.join(inside, 'cluster.yaml'), 'utf8'), /^minions: 3$/m);
});
