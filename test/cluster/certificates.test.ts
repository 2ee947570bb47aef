import test from 'ava';
import fc from 'fast-check';
import {
	certificateWarnings,
	daysLeft,
	renewedBy,
} from '../../src/cluster/kubernetes/certificate-warnings.ts';
import { type CertificateEnd, parseRecords } from '../../src/cluster/kubernetes/certificates.ts';

const now = new Date('2026-06-01T12:00:00Z');

/** A certificate that expires in so many days. */
const certificate = (name: string, node: string, days: number): CertificateEnd => ({
	name,
	node,
	end: new Date(now.getTime() + days * 86_400_000),
});

const warnings = (...certificates: CertificateEnd[]) =>
	certificateWarnings('demo', 'demo/kubeconfig', certificates, now);

test('records of masters are read, and the CAs that all of them have are listed once', (t) => {
	const { ends, malformed } = parseRecords({
		'ca.demo-master-0': '2036-05-29T12:00:00Z',
		'ca.demo-master-1': '2036-05-29T12:00:00Z',
		'apiserver.demo-master-0': '2027-06-01T12:00:00Z',
		'kubelet-serving.demo-minion-g2-10': '2027-01-01T00:00:00Z',
	});
	t.deepEqual(malformed, []);
	t.deepEqual(ends, [
		{ name: 'ca', node: '', end: new Date('2036-05-29T12:00:00Z') },
		{ name: 'apiserver', node: 'demo-master-0', end: new Date('2027-06-01T12:00:00Z') },
		{ name: 'kubelet-serving', node: 'demo-minion-g2-10', end: new Date('2027-01-01T00:00:00Z') },
	]);
});

test('a malformed record is skipped, and disturbs no other', (t) => {
	const wrong = {
		'no-node': '2027-06-01T12:00:00Z',
		'operator.demo-master-0': '2027-06-01T12:00:00Z',
		'a.\u001b[31mred': '2027-06-01T12:00:00Z',
		'Upper.demo-master-0': '2027-06-01T12:00:00Z',
		'a.node': '2027-02-30T12:00:00Z',
		'b.node': '2027-06-01',
		'c.node': 'June 1 2027',
		'd.node': 1_800_000_000,
		'e.node': null,
		'f.node': '+012027-06-01T12:00:00Z',
	};
	const { ends, malformed } = parseRecords({ ...wrong, 'etcd.demo-master-0': '2027-06-01T12:00:00Z' });
	t.deepEqual(ends.length, 1);
	t.deepEqual(malformed.sort(), Object.keys(wrong).sort());
});

test('any JSON as records gives certificates with a name of letters and a valid time, or nothing', (t) => {
	const key = fc.oneof(fc.string(), fc.stringMatching(/^[a-z-]{1,9}\.[a-z0-9.-]{1,9}$/));
	const time = fc.oneof(
		fc.jsonValue(),
		fc.stringMatching(/^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9]{2}:00:00Z$/),
		fc.date({ noInvalidDate: true }).map((date) => `${date.toISOString().slice(0, 19)}Z`),
	);
	let valid = 0;
	fc.assert(
		fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(key, time)), (data) => {
			const { ends, malformed } = parseRecords(data);
			for (const { name, node, end } of ends) {
				t.regex(name + node, /^[a-z0-9.-]+$/);
				t.false(Number.isNaN(end.getTime()));
			}
			if (ends.length > 0) valid++;
			if (typeof data !== 'object' || data === null || Array.isArray(data)) t.deepEqual(malformed, []);
		}),
		{ examples: [[{ 'apiserver.demo-master-0': '2027-01-01T00:00:00Z' }]] },
	);
	t.true(valid > 0);
});

test('each kind of certificate is warned of when its renewal is late, and not before', (t) => {
	const limits: readonly (readonly [string, string, number])[] = [
		['operator', '', 60],
		['ca', '', 730],
		['front-proxy-ca', '', 730],
		['etcd', 'demo-master-0', 60],
		['kubelet-client', 'demo-minion-0', 30],
	];
	for (const [name, node, days] of limits) {
		t.deepEqual(warnings(certificate(name, node, days + 1)), [], name);
		t.is(warnings(certificate(name, node, days - 1)).length, 1, name);
		t.is(warnings(certificate(name, node, -1)).length, 1, name);
	}
});

test('what is renewed in time by itself is never warned of: leaves at 90 days, kubelets at a tenth of a year', (t) => {
	t.deepEqual(warnings(certificate('apiserver', 'demo-master-0', 90 - 7)), []);
	t.deepEqual(warnings(certificate('kubelet-serving', 'demo-minion-0', 36)), []);
});

test('a warning says what expires, when, and what to do; one for each node, the earliest first', (t) => {
	const [first, second, third, fourth, ...more] = warnings(
		certificate('operator', '', 20),
		certificate('etcd-ca', '', 300),
		certificate('apiserver', 'demo-master-0', 10),
		certificate('etcd', 'demo-master-0', -2),
		certificate('kubelet-client', 'demo-minion-0', 15),
		certificate('apiserver', 'demo-master-1', 200),
	);
	t.regex(
		first ?? '',
		/demo-master-0 .*etcd, apiserver\. .*expired on 2026-05-30\..*kstack-renew.*replace demo demo-master-0/,
	);
	t.regex(
		second ?? '',
		/demo-minion-0 .*kubelet-client\. .*expires on 2026-06-16\..*journalctl -u kubelet\b/,
	);
	t.regex(third ?? '', /demo\/kubeconfig expires on 2026-06-21\. .*: kstack kubeconfig demo$/);
	t.regex(fourth ?? '', /"etcd-ca" expires on 2027-03-28\. .*cannot replace a CA/);
	t.deepEqual(more, []);
});

test('days are whole ones, and negative after the end', (t) => {
	t.is(daysLeft(certificate('a', '', 1.9), now), 1);
	t.is(daysLeft(certificate('a', '', -0.1), now), -1);
	t.regex(renewedBy(certificate('kubelet-serving', 'n', 1)), /kubelet/);
	t.regex(renewedBy(certificate('ca', '', 1)), /nobody/);
});
