import test from 'ava';
import fc from 'fast-check';
import { etcdWarnings, parseEtcdMember, readEtcdMembers } from '../../src/cluster/kubernetes/etcd.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';

const gib = 2 ** 30;
const full = { member: 'demo-master-1', alarm: 'NOSPACE' };
const report = { time: 1, size: 7 * gib, used: 1, quota: 8 * gib, alarms: [full] };
const fileOf = (name: string) => `GET /api/v1/nodes/${name}/proxy/logs/kstack/etcd.json`;

test('the masters that have a report of their etcd member are read, each once', async (t) => {
	const kubernetes = await fakeKubernetes({
		[fileOf('demo-master-0')]: [200, report],
		[fileOf('demo-master-1')]: [503, {}],
	});
	t.teardown(kubernetes.close);
	const masters = ['demo-master-0', 'demo-master-1', 'demo-master-2'];
	t.deepEqual(await readEtcdMembers(kubernetes.kubeconfig, masters), [
		{ name: 'demo-master-0', size: 7 * gib, quota: 8 * gib, alarms: [full] },
	]);
	t.is(kubernetes.asked.length, 3, 'what does not answer is not asked again');
});

test('what is not in the form of a report is left out', (t) => {
	t.truthy(parseEtcdMember('m', JSON.stringify(report)));
	for (const wrong of [
		...[{ size: -1 }, { size: '7' }, { quota: null }, { quota: 1.5 }, { alarms: {} }, { alarms: [7] }],
		...[
			{ alarms: [full, null] },
			{ alarms: [{ member: 'm' }] },
			{ alarms: [{ ...full, alarm: 'a\u001b[31m' }] },
		],
	])
		t.is(parseEtcdMember('m', JSON.stringify({ ...report, ...wrong })), undefined, JSON.stringify(wrong));
	fc.assert(fc.property(fc.json(), (text) => parseEtcdMember('m', text) === undefined));
	t.is(parseEtcdMember('m', '<html>'), undefined);
});

test('each alarm is shown once, and databases that are nearly full', (t) => {
	const one = { name: 'demo-master-0', size: gib, quota: 8 * gib, alarms: [full] };
	t.deepEqual(etcdWarnings([one, { ...one, name: 'demo-master-1', size: 7 * gib }]), [
		'etcd alarm NOSPACE on demo-master-1: see docs/etcd.md',
		'etcd on demo-master-1 has 7.0 of 8.0 GiB: see docs/etcd.md',
	]);
	t.deepEqual(etcdWarnings([{ ...one, alarms: [] }]), []);
});
