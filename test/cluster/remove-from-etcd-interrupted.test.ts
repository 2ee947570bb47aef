// In a process of its own: an interruption is for good.
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { interrupted } from '../../src/base/interrupt.ts';
import { etcdCluster, master } from '../support/etcd-requests.ts';

test('an interruption cancels the requests to remove masters from etcd', async (t) => {
	let listed = 0;
	const made = await etcdCluster(['demo-master-1'], {
		answer: () => {
			listed++;
			if (listed === 3) interrupted.abort(new UserError('Interrupted.', { exitCode: 130 }));
		},
	});
	t.teardown(made.close);
	await t.throwsAsync(made.remove([master(1), master(2)], 60), { message: 'Interrupted.' });
	t.deepEqual([...made.nodes.keys()], ['demo-master-1']);
	t.false(made.isAsked('demo-master-1'));
	t.deepEqual(made.told, ['Request cancelled: demo-master-1', 'Request cancelled: demo-master-2']);
});
