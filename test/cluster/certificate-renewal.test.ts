import { createPrivateKey, X509Certificate } from 'node:crypto';
import test from 'ava';
import { renewThroughApi } from '../../src/cluster/kubernetes/certificate-renewal.ts';
import { parseKubeconfig } from '../../src/cluster/kubernetes/kubeconfig-file.ts';
import type { FakeKubernetes } from '../support/kubernetes.ts';
import { type Signer, signingApi } from '../support/signing-api.ts';

const decoded = (base64: string) => Buffer.from(base64, 'base64').toString();

/** The path of the request and what was done with it, in order. */
const steps = (kubernetes: FakeKubernetes) =>
	kubernetes.asked.map((line) => line.replace(/\S*certificatesigningrequests/, 'requests'));

test('an operator renews its certificate for the same user, with a new key, and leaves no request', async (t) => {
	const kubernetes = await signingApi(30);
	t.teardown(kubernetes.close);
	const text = await renewThroughApi('demo', kubernetes.kubeconfig);
	const [before, after] = [kubernetes.kubeconfig, text].map((one) => parseKubeconfig(one));
	const certificate = new X509Certificate(decoded(after?.certificate ?? ''));
	t.deepEqual(certificate.subject.split('\n').sort(), ['CN=operator', 'O=kstack:operators']);
	t.true(Date.parse(certificate.validTo) > Date.now() + 360 * 86_400_000);
	t.true(certificate.checkPrivateKey(createPrivateKey(decoded(after?.key ?? ''))));
	t.not(after?.key, before?.key);
	t.deepEqual([after?.server, after?.ca], [before?.server, before?.ca]);
	t.deepEqual(
		steps(kubernetes).map((line) => line.replace(/[0-9a-f]{16}/, 'N')),
		[
			'POST requests by operator',
			'PUT requests/kstack-operator-N/approval by operator',
			'GET requests/kstack-operator-N by operator',
			'DELETE requests/kstack-operator-N by operator',
			'GET /version by operator',
		],
	);
	t.like(JSON.parse(kubernetes.sent[0] ?? '').spec, {
		signerName: 'kubernetes.io/kube-apiserver-client',
		usages: ['digital signature', 'client auth'],
	});
	t.false(kubernetes.sent.join().includes('PRIVATE'));
});

test('what the operator has added to the kubeconfig stays', async (t) => {
	const kubernetes = await signingApi(30);
	t.teardown(kubernetes.close);
	const more = `${kubernetes.kubeconfig}preferences: {colors: true} # mine\n`;
	t.regex(await renewThroughApi('demo', more), /# mine\n$/);
	const folded = kubernetes.kubeconfig.replace(/(client-key-data: )(.{40})(.*)/, '$1>-\n      $2$3');
	const rewritten = await renewThroughApi('demo', folded);
	t.not(parseKubeconfig(rewritten).key, parseKubeconfig(folded).key);
});

const wrong: readonly (readonly [string, Signer, RegExp])[] = [
	['for another name', { subject: '/O=kstack:operators/CN=eve' }, /another name/],
	['for another group', { subject: '/O=system:nodes/CN=operator' }, /kstack:operators/],
	['that ends sooner', { days: 20 }, /no later/],
	['that is none', { pem: 'none' }, /0 certificates/],
];

for (const [what, signer, why] of wrong) {
	test(`a certificate ${what} does not replace a valid one, and its request is deleted`, async (t) => {
		const kubernetes = await signingApi(30, {}, signer);
		t.teardown(kubernetes.close);
		await t.throwsAsync(renewThroughApi('demo', kubernetes.kubeconfig), { message: why });
		t.regex(kubernetes.asked.at(-1) ?? '', /^DELETE/);
	});
}

test('a certificate of another CA, or for another key, does not replace a valid one', async (t) => {
	const [stranger, own] = [await signingApi(30), await signingApi(30)];
	t.teardown(stranger.close);
	t.teardown(own.close);
	for (const pem of [stranger, own].map((one) => decoded(parseKubeconfig(one.kubeconfig).certificate))) {
		const kubernetes = await signingApi(30, {}, { pem });
		t.teardown(kubernetes.close);
		await t.throwsAsync(renewThroughApi('demo', kubernetes.kubeconfig), { code: 'invalid-certificate' });
	}
});

test('a certificate that the API refuses does not replace a valid one', async (t) => {
	const kubernetes = await signingApi(30, { 'GET /version': [401, {}] });
	t.teardown(kubernetes.close);
	await t.throwsAsync(renewThroughApi('demo', kubernetes.kubeconfig), { message: /401/ });
});
