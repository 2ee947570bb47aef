import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { stackDirectory } from '../../src/cluster/heat/directory.ts';
import type { Stack } from '../../src/cluster/heat/stack.ts';
import { issueMasterToken } from '../../src/cluster/kubernetes/master-token.ts';
import { temporaryFolder } from '../support/folders.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';

const stack: Stack = {
	...{ id: 'stack-1', name: 'demo', status: 'CREATE_COMPLETE', reason: '', outputs: {} },
	parameters: { boot_timeout: '900' },
};

async function directory(kubeconfig?: string) {
	const folder = await temporaryFolder();
	const file = path.join(folder, 'kubeconfig');
	if (kubeconfig !== undefined) await writeFile(file, kubeconfig);
	return { ...(await stackDirectory('demo')), kubeconfig: file };
}

test('a token for masters expires after the boot timeout, and is only for masters', async (t) => {
	const kubernetes = await fakeKubernetes({ 'POST /api/v1/namespaces/kube-system/secrets': [201, {}] });
	t.teardown(kubernetes.close);
	const { master_token: token } = await issueMasterToken(stack, await directory(kubernetes.kubeconfig));
	t.regex(String(token), /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
	const [id, secret] = String(token).split('.');
	const sent = JSON.parse(kubernetes.sent[0] ?? '{}') as { stringData: Record<string, string> };
	t.like(sent, {
		kind: 'Secret',
		type: 'bootstrap.kubernetes.io/token',
		metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
	});
	const { expiration, ...rest } = sent.stringData;
	t.deepEqual(rest, {
		'token-id': String(id),
		'token-secret': String(secret),
		'usage-bootstrap-authentication': 'true',
		'usage-bootstrap-signing': 'true',
		'auth-extra-groups': 'system:bootstrappers:kstack-masters',
	});
	t.regex(String(expiration), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
	const seconds = (Date.parse(String(expiration)) - Date.now()) / 1000;
	t.true(
		seconds > 900 && seconds <= 1500,
		'the boot time that the stack has, and some for what comes before',
	);
});

test('each issued token is different', async (t) => {
	const kubernetes = await fakeKubernetes({ 'POST /api/v1/namespaces/kube-system/secrets': [201, {}] });
	t.teardown(kubernetes.close);
	const place = await directory(kubernetes.kubeconfig);
	const [one, other] = [await issueMasterToken(stack, place), await issueMasterToken(stack, place)];
	t.notDeepEqual(one, other);
});

test('without a kubeconfig no token is issued, and the reason is printed', async (t) => {
	const error = await t.throwsAsync(issueMasterToken(stack, await directory()), { instanceOf: UserError });
	t.regex(error?.message ?? '', /kubeconfig: .*token/);
});

test('an API that refuses the token ends it', async (t) => {
	const kubernetes = await fakeKubernetes({});
	t.teardown(kubernetes.close);
	await t.throwsAsync(issueMasterToken(stack, await directory(kubernetes.kubeconfig)), {
		message: /answered 404 to POST \/api\/v1\/namespaces\/kube-system\/secrets/,
	});
});
