import test from 'ava';
import type { Member } from '../../src/cluster/heat/members.ts';
import { changedRecords } from '../../src/cluster/kubernetes/member-records.ts';

const server = '6e7d30b6-0d0c-4a53-8d4c-0f1f6f1c9a11';

const member = (more: Partial<Member> = {}): Member => ({
	...{ name: 'demo-minion-0', role: 'minion', pool: 'minion', address: '10.0.0.12', server },
	...{ index: 0, generation: 1 },
	...more,
});

const changed = (known: object | string | undefined, more: Partial<Member> = {}) => {
	const text = typeof known === 'object' ? JSON.stringify(known) : known;
	const records = changedRecords([member(more)], text === undefined ? {} : { 'demo-minion-0': text });
	const record = records['demo-minion-0'];
	return record === undefined ? undefined : (JSON.parse(record) as unknown);
};

test('masters are told the address and the server of each member that they do not know', (t) => {
	const right = { address: '10.0.0.12', server };
	t.deepEqual(changed(undefined), right);
	for (const malformed of ['', 'x', '[]', 'null', '7']) t.deepEqual(changed(malformed), right, malformed);
	t.is(changed(right), undefined);
	t.is(changed({ ...right, since: '2026' }), undefined);
});

test('what the masters recorded of the join token stays, unless it was that of another member of the name', (t) => {
	const since = '2026-01-01T00:00:00Z';
	t.deepEqual(changed({ address: '10.0.0.12', since }), { address: '10.0.0.12', server, since });
	t.deepEqual(changed({ address: '10.0.0.9', since }), { address: '10.0.0.12', server });
});

test('a member whose address or server Heat does not know yet has no record', (t) => {
	for (const more of [{ address: '' }, { address: 'None' }, { server: '' }, { server: server.toUpperCase() }])
		t.is(changed(undefined, more), undefined, JSON.stringify(more));
});
