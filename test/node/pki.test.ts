import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { node, openssl, operator, put, step } from '../support/assembling.ts';
import { expiredCertificate } from '../support/kubernetes.ts';

test('each certificate of a master has its subject, names and usage, and is signed by its CA', async (t) => {
	const { run, root } = await node('master');
	t.is((await run(step('20-pki'))).code, 0);
	const pki = (name: string) => path.join(root, 'etc/kubernetes/pki', name);
	const issued: readonly (readonly [string, string, string, string])[] = [
		['apiserver', 'ca', 'sslserver', 'CN=kube-apiserver'],
		['apiserver-kubelet-client', 'ca', 'sslclient', 'CN=kube-apiserver-kubelet-client'],
		['front-proxy-client', 'front-proxy-ca', 'sslclient', 'CN=front-proxy-client'],
		['controller-manager', 'ca', 'sslclient', 'CN=system:kube-controller-manager'],
		['scheduler', 'ca', 'sslclient', 'CN=system:kube-scheduler'],
		['admin', 'ca', 'sslclient', 'CN=kstack-master,O=system:masters'],
		['kstack-pki', 'ca', 'sslclient', 'CN=kstack:pki,O=kstack:masters'],
		['kstack-addons', 'ca', 'sslclient', 'CN=kstack:addons,O=kstack:masters'],
		['etcd', 'etcd-ca', 'sslserver', 'CN=demo-master-0'],
		['etcd', 'etcd-ca', 'sslclient', 'CN=demo-master-0'],
		['apiserver-etcd-client', 'etcd-ca', 'sslclient', 'CN=kube-apiserver'],
	];
	for (const [name, authority, purpose, subject] of issued) {
		await openssl('verify', '-purpose', purpose, '-CAfile', pki(`${authority}.crt`), pki(`${name}.crt`));
		t.is(
			(await openssl('x509', '-in', pki(`${name}.crt`), '-noout', '-subject', '-nameopt', 'RFC2253')).trim(),
			`subject=${subject}`,
		);
		t.is(
			await openssl('x509', '-in', pki(`${name}.crt`), '-noout', '-pubkey'),
			await openssl('ec', '-in', pki(`${name}.key`), '-pubout'),
		);
	}
	for (const name of ['kubernetes', 'kubernetes.default.svc.cluster.local', 'demo-master-0', 'localhost'])
		await openssl('verify', '-verify_hostname', name, '-CAfile', pki('ca.crt'), pki('apiserver.crt'));
	for (const address of ['127.0.0.1', '10.0.0.11', '10.0.0.5', '192.0.2.5', '10.96.0.1'])
		await openssl('verify', '-verify_ip', address, '-CAfile', pki('ca.crt'), pki('apiserver.crt'));
	await t.throwsAsync(
		openssl('verify', '-verify_ip', '10.0.0.6', '-CAfile', pki('ca.crt'), pki('apiserver.crt')),
	);
	await t.throwsAsync(
		openssl('verify', '-CAfile', pki('etcd-ca.crt'), pki('admin.crt')),
		undefined,
		'the CAs are independent',
	);
});

test('every certificate and CA begins five minutes ago, for machines with a slow clock', async (t) => {
	const request = await operator();
	const { run, root } = await node('master', {}, { OPERATOR_REQUEST: request });
	const began = Date.now();
	for (const name of ['15-form-or-join', '20-pki', '25-certificates']) t.is((await run(step(name))).code, 0);
	const folder = path.join(root, 'etc/kubernetes/pki');
	const names = (await readdir(folder)).filter((name) => name.endsWith('.crt'));
	t.true(names.length > 14, names.join());
	for (const name of names) {
		const { validFrom, validTo } = new X509Certificate(await readFile(path.join(folder, name)));
		const begin = Date.parse(validFrom);
		t.true(begin >= began - 301_000 && begin <= Date.now() - 299_000, `${name} ${validFrom}`);
		const days = (Date.parse(validTo) - began) / 86_400_000;
		const authority = /ca.crt$/.test(name);
		const valid = authority ? 3653 : name === 'operator.crt' ? 400 : 365;
		t.is(Math.round(days), valid, name);
	}
});

test('a private key that was not written completely is not there', async (t) => {
	const { run, root, fakeProgram } = await node('master');
	await fakeProgram('openssl', 'echo half >"${!#}"; exit 1');
	t.not((await run(step('20-pki'))).code, 0);
	t.false(existsSync(path.join(root, 'etc/kubernetes/pki/ca.key')));
});

test('a secret that is written again is readable by root only, whatever its mode was', async (t) => {
	const { run, root } = await node('master');
	await run(step('20-pki'));
	const file = path.join(root, 'etc/kubernetes/admin.conf');
	for (const name of [file, `${file}.new`]) {
		await put(root, path.relative(root, name));
		await chmod(name, 0o644);
	}
	t.is((await run(step('40-control-plane'))).code, 0);
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.false(existsSync(`${file}.new`));
});

test('a certificate that expires soon is renewed with the same key; other certificates and the CAs stay', async (t) => {
	const { run, root, file, asked } = await node('master');
	await run(step('20-pki'));
	const pki = (name: string) => path.join(root, 'etc/kubernetes/pki', name);
	const all = (await readdir(path.join(root, 'etc/kubernetes/pki'))).filter((name) => !name.endsWith('.srl'));
	await openssl(
		...[
			'req',
			'-new',
			'-key',
			pki('scheduler.key'),
			'-subj',
			'/CN=system:kube-scheduler',
			'-out',
			pki('short.csr'),
		],
	);
	await openssl(
		...[
			'x509',
			'-req',
			'-days',
			'60',
			'-in',
			pki('short.csr'),
			'-CA',
			pki('ca.crt'),
			'-CAkey',
			pki('ca.key'),
		],
		...['-CAcreateserial', '-out', pki('scheduler.crt')],
	);
	await rm(pki('short.csr'));
	const texts = async () =>
		Object.fromEntries(
			await Promise.all(all.map(async (name) => [name, await file(`etc/kubernetes/pki/${name}`)])),
		);
	const before = await texts();
	t.is((await run('usr/local/sbin/kstack-renew')).code, 0);
	const after = await texts();
	t.deepEqual(
		all.filter((name) => after[name] !== before[name]),
		['scheduler.crt'],
	);
	await openssl('x509', '-in', pki('scheduler.crt'), '-noout', '-checkend', String(300 * 86_400));
	await openssl('verify', '-purpose', 'sslclient', '-CAfile', pki('ca.crt'), pki('scheduler.crt'));
	const restarts = async () => (await asked('systemctl')).filter((call) => call.startsWith('restart '));
	t.deepEqual(await restarts(), [
		...[
			'restart etcd',
			'restart kstack-tokens',
			'restart kube-apiserver',
			'restart kube-controller-manager',
			'restart kube-scheduler',
		],
	]);
	t.is((await run('usr/local/sbin/kstack-renew')).code, 0);
	t.is((await restarts()).length, 5, 'without a renewal nothing is restarted');
	await put(root, 'var/lib/kstack/renewed');
	t.is((await run('usr/local/sbin/kstack-renew')).code, 0);
	t.is((await restarts()).length, 10, 'a restart that failed is repeated');
});

test('masters that boot together renew apart from each other, unless a certificate has expired', async (t) => {
	const { run, root, asked } = await node('master');
	await run(step('20-pki'));
	const renew = async (uptime: number) =>
		(await run('usr/local/sbin/kstack-renew', { KSTACK_RENEW_UPTIME: String(uptime) })).code;
	t.is(await renew(60), 0);
	t.deepEqual(await asked('sleep'), ['1320'], 'its address is 10.0.0.11');
	t.is(await renew(3600), 0);
	t.is((await asked('sleep')).length, 1, 'at the time of the week that is its own');
	const file = path.join(root, 'etc/kubernetes/pki/etcd.crt');
	await writeFile(file, await expiredCertificate());
	t.is(await renew(60), 0);
	t.is((await asked('sleep')).length, 1);
	await openssl('x509', '-in', file, '-noout', '-checkend', '0');
});

test('after a renewal, a service that does not restart keeps no other from it, and all restart at the next run', async (t) => {
	const { run, root, asked, fakeProgram } = await node('master');
	await run(step('20-pki'));
	await writeFile(path.join(root, 'etc/kubernetes/pki/etcd.crt'), await expiredCertificate());
	await fakeProgram('systemctl', '[ "$*" != "restart etcd" ]');
	const { code, stdout } = await run('usr/local/sbin/kstack-renew');
	t.is(code, 1);
	t.regex(stdout, /^these services did not restart: etcd$/m);
	const restarts = async () =>
		(await asked('systemctl')).filter((call) => call.startsWith('restart ')).length;
	t.is(await restarts(), 5);
	t.true(existsSync(path.join(root, 'var/lib/kstack/renewed')));
	await fakeProgram('systemctl', '');
	t.is((await run('usr/local/sbin/kstack-renew')).code, 0);
	t.is(await restarts(), 10);
	t.false(existsSync(path.join(root, 'var/lib/kstack/renewed')));
});

test('a renewal waits until NTP has set the clock, and renews nothing with a clock that is wrong', async (t) => {
	const { run, root, file, asked, fakeProgram } = await node('master');
	await run(step('20-pki'));
	const etcd = 'etc/kubernetes/pki/etcd.crt';
	const lock = 'usr/share/kstack/image.lock.json';
	const expired = await expiredCertificate();
	await writeFile(path.join(root, etcd), expired);
	const renew = async () => (await run('usr/local/sbin/kstack-renew', { KSTACK_RENEW_UPTIME: '60' })).code;
	await put(root, lock);
	await writeFile(path.join(root, lock), '{"debian": {"date": "2126-01-01T00:00:00Z"}}');
	t.is(await renew(), 1);
	t.is(await file(etcd), expired);
	await rm(path.join(root, lock));
	await fakeProgram('chronyc', '[ "$1" != waitsync ] || [ "$(grep -c "^sleep" "$root/asked")" -ge 3 ]');
	t.is(await renew(), 0);
	t.is((await asked('sleep')).length, 3);
	t.not(await file(etcd), expired);
	const unit = path.join(
		packageRoot,
		`elements/kubernetes-services/static/etc/systemd/system/kstack-renew.service`,
	);
	t.regex(await readFile(unit, 'utf8'), /^After=network-online\.target chrony\.service$/m);
});

test("the operator's certificate has the key of the request and the group of operators only", async (t) => {
	const request = await operator();
	const { run, root, file } = await node('master', {}, { OPERATOR_REQUEST: request });
	await run(step('15-form-or-join'));
	await run(step('20-pki'));
	const ended = await run(step('25-certificates'));
	t.is(ended.code, 0, ended.stderr);
	const pki = (name: string) => path.join(root, 'etc/kubernetes/pki', name);
	await openssl('verify', '-purpose', 'sslclient', '-CAfile', pki('ca.crt'), pki('operator.crt'));
	await t.throwsAsync(
		openssl('verify', '-purpose', 'sslserver', '-CAfile', pki('ca.crt'), pki('operator.crt')),
	);
	t.is(
		(await openssl('x509', '-in', pki('operator.crt'), '-noout', '-subject', '-nameopt', 'RFC2253')).trim(),
		'subject=CN=kstack-operator,O=kstack:operators',
	);
	const signalled = [...(await file('signals')).matchAll(/^== SUCCESS signed certificates (\w+)\n(\S+)$/gm)];
	for (const [, name, encoded] of signalled)
		t.is(Buffer.from(encoded ?? '', 'base64').toString(), await file(`etc/kubernetes/pki/${name}.crt`));
	t.is(signalled.length, 2);
});

test('the first master signs a request for an operator only, and its failure says what the request has', async (t) => {
	const subjects = ['/O=system:masters/CN=x', '/CN=x', '/O=kstack:operators', '/O=kstack:operators/CN=a b'];
	for (const subject of [
		...subjects,
		'/O=kstack:operators/O=system:masters/CN=x',
		'/O=kstack:operators/CN=x+OU=y',
	]) {
		const { run, root } = await node('master', {}, { OPERATOR_REQUEST: await operator(subject) });
		await run(step('15-form-or-join'));
		await run(step('20-pki'));
		const { code, stdout, stderr } = await run(step('25-certificates'));
		t.is(code, 1, subject);
		t.regex(stdout + stderr, /operator/);
		t.false(existsSync(path.join(root, 'etc/kubernetes/pki/operator.crt')), subject);
		t.false(existsSync(path.join(root, 'signals')), subject);
	}
});
