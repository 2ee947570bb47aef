// The answers of a fake API server whose cluster signs the certificate of an operator.
import { execFileSync } from 'node:child_process';
import { type FakeAnswers, type FakeKubernetes, fakeKubernetes } from './kubernetes.ts';

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

/** What this signer signs other than was requested. */
export interface Signer {
	readonly subject?: string;
	readonly days?: number;
	/** The PEM that is returned instead. */
	readonly pem?: string;
}

/**
 * A fake API server that signs, once a request is approved.
 *
 * @param days  for how long the present certificate is valid
 */
export async function signingApi(
	days: number,
	more: FakeAnswers = {},
	signer: Signer = {},
): Promise<FakeKubernetes> {
	let approved = false;
	let request = '';
	const sign = () => {
		const ca = ['-CA', kubernetes.ca.certificate, '-CAkey', kubernetes.ca.key, '-CAcreateserial'];
		const subject = signer.subject === undefined ? [] : ['-subj', signer.subject];
		const valid = ['-days', String(signer.days ?? 365)];
		return execFileSync('openssl', ['x509', '-req', ...ca, ...subject, ...valid], {
			input: request,
			stdio: ['pipe', 'pipe', 'ignore'],
		}).toString();
	};
	const base64 = (text: string) => Buffer.from(text).toString('base64');
	const kubernetes: FakeKubernetes = await fakeKubernetes(
		{
			[`POST ${requests}`]: (sent) => {
				const body = JSON.parse(sent.at(-1) ?? '') as { spec: { request: string } };
				request = Buffer.from(body.spec.request, 'base64').toString();
				return [201, body];
			},
			[`PUT ${requests}/kstack-operator-RANDOM/approval`]: (sent) => {
				const body = JSON.parse(sent.at(-1) ?? '') as { status: { conditions: { type: string }[] } };
				approved = body.status.conditions[0]?.type === 'Approved';
				return [200, body];
			},
			[`GET ${requests}/kstack-operator-RANDOM`]: () => [
				200,
				{ status: approved ? { certificate: base64(signer.pem ?? sign()) } : {} },
			],
			[`DELETE ${requests}/kstack-operator-RANDOM`]: [200, {}],
			'GET /version': [200, {}],
			...more,
		},
		days,
	);
	return kubernetes;
}
