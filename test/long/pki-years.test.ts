// The certificates of a cluster over two years, with changed dates: libfaketime changes the time of bash, date and openssl.

import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { node, openssl, step } from '../support/assembling.ts';
import { runToEnd, systemPath, tool } from '../support/processes.ts';

const day = 86_400;

/** A master whose programs run at another time, in seconds since 1970. */
async function master() {
	const made = await node('master');
	const faketime = tool('faketime', 'faketime');
	const env = { PATH: `${made.root}/bin:${made.root}/usr/local/sbin:${systemPath}`, TZ: 'UTC' };
	return {
		...made,
		pki: (name: string) => path.join(made.root, 'etc/kubernetes/pki', name),
		at: (time: number, program: string) => {
			const date = new Date(time * 1000).toISOString().slice(0, 19).replace('T', ' ');
			return runToEnd(faketime, [date, 'bash', path.join(made.root, program)], { env });
		},
	};
}

/** What a certificate is issued by. */
const authorityOf = (name: string) =>
	/^(etcd|apiserver-etcd-client)$/.test(name)
		? 'etcd-ca'
		: name === 'front-proxy-client'
			? 'front-proxy-ca'
			: 'ca';

const start = Date.UTC(2026, 11, 1) / 1000;

test('renewed every month for two years, no certificate of a master is within 30 days of its end, and each has a valid chain', async (t) => {
	const { at, root, pki } = await master();
	const first = await at(start, step('20-pki'));
	t.is(first.code, 0, first.stderr);
	const all = (await readdir(path.join(root, 'etc/kubernetes/pki')))
		.filter((name) => name.endsWith('.crt'))
		.map((name) => name.slice(0, -4));
	const leaves = all.filter((name) => !/ca$/.test(name));
	t.true(leaves.length > 10);
	const authorities = all.filter((name) => /ca$/.test(name));
	t.is(authorities.length, 3);
	let renewals = 0;
	for (let month = 1; month <= 24; month++) {
		const now = start + month * 30.5 * day;
		const { code, stdout, stderr } = await at(now, 'usr/local/sbin/kstack-renew');
		t.is(code, 0, stdout + stderr);
		t.notRegex(stdout, /WARNING/);
		renewals += stdout.match(/^issuing /gm)?.length ?? 0;
		for (const when of [now, now + 30 * day]) {
			for (const authority of authorities) {
				const issued = leaves
					.filter((name) => authorityOf(name) === authority)
					.map((name) => pki(`${name}.crt`));
				await openssl('verify', '-attime', String(when), '-CAfile', pki(`${authority}.crt`), ...issued);
			}
		}
	}
	t.is(renewals, 2 * leaves.length, 'each is renewed twice, and not more often');
});

test('a renewal warns of the end of a certificate authority 13 months before, and renews none', async (t) => {
	const { at, pki, file } = await master();
	await at(start, step('20-pki'));
	const authority = await file('etc/kubernetes/pki/ca.crt');
	const warnings = async (time: number) =>
		(await at(time, 'usr/local/sbin/kstack-renew')).stdout.match(/^WARNING: .*/gm) ?? [];
	const end = start + 3653 * day;
	t.deepEqual(await warnings(end - 420 * day), []);
	const found = await warnings(end - 390 * day);
	t.is(found.length, 3);
	for (const name of ['ca', 'etcd-ca', 'front-proxy-ca'])
		t.true(
			found.some((line) => line.includes(` ${name} `) && line.includes('2036')),
			name,
		);
	t.is(await file('etc/kubernetes/pki/ca.crt'), authority);
	await rm(pki('scheduler.crt'));
	t.is((await warnings(end - 380 * day)).length, 3);
});
