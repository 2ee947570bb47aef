import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { assemble, node, operator, put, step } from '../support/assembling.ts';
import { output, tool } from '../support/processes.ts';

test('assembling again changes no certificate, key or secret, and signals none again', async (t) => {
	const { run, root, file } = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	await run(assemble);
	const secrets = async () => {
		const files = [
			'encryption.yaml',
			'admin.conf',
			...(await readdir(path.join(root, 'etc/kubernetes/pki'))).map((name) => `pki/${name}`),
		];
		const texts = files
			.filter((name) => !/operator|\.srl$/.test(name))
			.map(async (name) => [name, await file(`etc/kubernetes/${name}`)]);
		return Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
	};
	const before = await secrets();
	await mkdir(path.join(root, 'var/lib/etcd/data/member'), { recursive: true });
	await writeFile(path.join(root, 'api-answers'), '');
	const { code, stdout, stderr } = await run(assemble);
	t.is(code, 0, stdout + stderr);
	t.deepEqual(await secrets(), before);
	t.is((await file('signals')).match(/^== SUCCESS signed/gm)?.length, 2);
});

test('a master that joined does not create a missing CA or key of the cluster', async (t) => {
	const { run, root } = await node('master', {}, { MASTER_INDEX: '1' });
	t.is((await run(step('20-pki'))).code, 0);
	await put(root, 'var/lib/kstack/joins');
	for (const name of ['ca.key', 'etcd-ca.crt', 'front-proxy-ca.key', 'sa.key']) {
		const file = path.join(root, 'etc/kubernetes/pki', name);
		await rename(file, `${file}.away`);
		const { code, stdout } = await run(step('20-pki'));
		t.is(code, 1, name);
		t.regex(stdout, /^\S+ of the cluster's PKI is missing: /m);
		t.false(existsSync(file), name);
		await rename(`${file}.away`, file);
	}
	const { code, stdout } = await run(step('40-control-plane'));
	t.is(code, 1);
	t.regex(stdout, /key for Secrets is missing/);
});

test('masters renew their certificates at different times of the week', async (t) => {
	const times = new Set<string>();
	for (const address of ['10.0.0.1', '10.0.0.12', '10.0.0.13', '10.0.0.254']) {
		const { run, file } = await node('master', {}, { NODE_IP: address });
		await run(step('20-pki'));
		t.is((await run(step('40-control-plane'))).code, 0);
		const text = await file('etc/systemd/system/kstack-renew.timer.d/time.conf');
		const time = /^OnCalendar=\nOnCalendar=(.+)\n$/m.exec(text)?.[1] ?? '';
		await output(tool('systemd-analyze', 'systemd'), ['calendar', time]);
		times.add(time);
	}
	t.is(times.size, 4);
});
