// In a process of its own: an interruption is for good.
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { interrupted } from '../../src/base/interrupt.ts';
import { deleteNode, listNodes } from '../../src/cluster/kubernetes/api.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';

test('Ctrl-C ends the pause before an API in trouble is asked again, and an undo still asks again', async (t) => {
	let troubles = 2;
	const kubernetes = await fakeKubernetes({
		'GET /api/v1/nodes': [500, {}],
		'DELETE /api/v1/nodes/demo-minion-1': () => (troubles-- > 0 ? [500, {}] : [200, {}]),
	});
	t.teardown(kubernetes.close);
	const began = Date.now();
	setTimeout(() => interrupted.abort(new UserError('Interrupted.', { exitCode: 130 })), 300);
	await t.throwsAsync(listNodes(kubernetes.kubeconfig), { message: 'Interrupted.' });
	t.true(Date.now() - began < 2500);
	troubles = 1;
	await deleteNode(kubernetes.kubeconfig, 'demo-minion-1');
	t.is(kubernetes.asked.length, 3);
});
