import test from 'ava';
import fc from 'fast-check';
import { statusText } from '../../src/cli/status-table.ts';
import { parseEtcdMember, readEtcdMembers } from '../../src/cluster/kubernetes/etcd.ts';
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

test('the status shows each alarm once, and databases that are nearly full', (t) => {
	const status = {
		name: 'demo',
		stack: 'CREATE_COMPLETE',
		reason: '',
		api: 'https://10.0.0.5:6443',
		nodes: [],
	};
	const one = { name: 'demo-master-0', size: gib, quota: 8 * gib, alarms: [full] };
	const text = statusText({ ...status, etcd: [one, { ...one, name: 'demo-master-1', size: 7 * gib }] });
	t.is(text.match(/etcd alarm NOSPACE on demo-master-1: see docs\/etcd\.md/g)?.length, 1);
	t.regex(text, /^etcd on demo-master-1 has 7\.0 of 8\.0 GiB/m);
	t.notRegex(text, /etcd on demo-master-0/);
	t.notRegex(statusText({ ...status, etcd: [] }), /etcd/);
});
