// Access to the quick start's cluster for an operator who has the project's credentials and no file.
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { ask, attempt, clusters, kubectl, readyNodes, withFolder } from '../cloud.ts';

const stacks = async () =>
	(await ask<{ 'Stack Name': string }[]>('stack', 'list')).map((stack) => stack['Stack Name']).sort();

const updated = async () => (await ask<{ updated_time: string }>('stack', 'show', 'demo')).updated_time;

test.serial(
	'kubeconfig in an empty folder prints a working kubeconfig and leaves no files or stacks',
	async (t) => {
		await withFolder(async (folder) => {
			const before = [await stacks(), await updated()];
			const { code, stdout, stderr } = await attempt(
				'kstack',
				['kubeconfig', 'demo', '--user', 'alice'],
				folder,
			);
			t.is(code, 0, stderr);
			const { users } = load(stdout) as { users: { user: Record<string, string> }[] };
			const certificate = Buffer.from(users[0]?.user['client-certificate-data'] ?? '', 'base64');
			t.regex(new X509Certificate(certificate).subject, /^CN=alice$/m);
			t.deepEqual(await readdir(folder), []);
			t.deepEqual([await stacks(), await updated()], before);
			const file = path.join(folder, 'kubeconfig');
			await writeFile(file, stdout, { mode: 0o600 });
			t.is((await kubectl('--kubeconfig', file, 'auth', 'can-i', '*', '*')).trim(), 'yes');
			t.regex(await kubectl('--kubeconfig', file, 'get', 'nodes'), /demo-master-0 +Ready/);
		});
	},
);

test.serial('adopt writes a stack directory for which plan shows no change', async (t) => {
	await withFolder(async (folder) => {
		const before = await readyNodes();
		const adopted = await attempt('kstack', ['adopt', 'demo'], folder);
		t.is(adopted.code, 0, adopted.stderr);
		for (const name of ['cluster.yaml', 'parameters.yaml']) {
			const read = async (where: string) => load(await readFile(path.join(where, 'demo', name), 'utf8'));
			t.deepEqual(await read(folder), await read(clusters), name);
		}
		const plan = await attempt('kstack', ['plan', 'demo'], folder);
		t.is(plan.code, 0, plan.stdout + plan.stderr);
		const more = await attempt('kstack', ['plan', 'demo', '--minions', '4'], folder);
		t.is(more.code, 3, more.stdout + more.stderr);
		const kubeconfig = path.join(folder, 'demo/kubeconfig');
		t.is(
			(await kubectl('--kubeconfig', kubeconfig, 'get', 'nodes', '-o', 'name')).split('\n').length - 1,
			before.length,
		);
	});
});
