// In a process of its own: an interruption is for good.
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { interrupted } from '../../src/base/interrupt.ts';
import { deleteNode, listNodes } from '../../src/cluster/kubernetes/api.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';

test('Ctrl-C ends the pause before an API in trouble is asked again, and an undo still asks again', async (t) => {
	let troubles = 1;
	let aborted = 0;
	const abort = () => {
		aborted = Date.now();
		interrupted.abort(new UserError('Interrupted.', { exitCode: 130 }));
	};
	const kubernetes = await fakeKubernetes({
		'GET /api/v1/nodes': () => {
			setTimeout(abort, 1000); // in the pause after this answer
			return [500, {}];
		},
		'DELETE /api/v1/nodes/demo-minion-1': () => (troubles-- > 0 ? [500, {}] : [200, {}]),
	});
	t.teardown(kubernetes.close);
	await t.throwsAsync(listNodes(kubernetes.kubeconfig), { message: 'Interrupted.' });
	t.true(Date.now() - aborted < 1500);
	await deleteNode(kubernetes.kubeconfig, 'demo-minion-1');
	t.is(kubernetes.asked.length, 3);
});
