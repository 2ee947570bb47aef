import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { withNamelessFiles } from '../../base/nameless-files.ts';
import { isUserName, newOperatorKey, operatorRequest } from '../heat/operator.ts';
import { callKubernetes } from './api.ts';
import { kubeconfigText, parseKubeconfig } from './kubeconfig-file.ts';
import { certificateIn, type OperatorCertificate, requireCertificate } from './operator-certificate.ts';

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

/** The controller manager signs an approved request at once; it may be electing a leader. */
const signing = { seconds: 30, pause: 500 };

const base64 = (text: string) => Buffer.from(text).toString('base64');

interface SigningRequestObject {
	readonly metadata: { readonly name: string };
	readonly status?: { readonly certificate?: unknown };
}

const notRenewed = (why: string) =>
	new UserError(`The operator's certificate was not renewed: ${why}.`, { code: 'renewal-failed' });

/** Whether kstack has had a certificate signed: one of another kind was put there by the operator, and is not replaced. */
export function isOfKstack({ user, subject }: OperatorCertificate): boolean {
	return isUserName(user) && subject.split('\n').sort().join() === `CN=${user},O=kstack:operators`;
}

/** The user name in a certificate of kstack. */
function userOf(certificate: OperatorCertificate | undefined): string {
	if (certificate !== undefined && isOfKstack(certificate)) return certificate.user;
	throw notRenewed('it is not one of the group kstack:operators');
}

/** The certificate for an approved request, as PEM. */
async function signed(kubeconfig: string, name: string): Promise<string> {
	for (const end = Date.now() + signing.seconds * 1000; Date.now() < end; ) {
		const { status } = JSON.parse(
			await callKubernetes(kubeconfig, 'GET', `${requests}/${name}`),
		) as SigningRequestObject;
		const certificate = status?.certificate;
		if (typeof certificate === 'string' && certificate !== '')
			return Buffer.from(certificate, 'base64').toString();
		await setTimeout(signing.pause, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
	throw notRenewed(`the cluster has not signed it within ${signing.seconds} seconds`);
}

/** Has the cluster sign a request: the operator, who is cluster-admin, approves it. */
async function sign(kubeconfig: string, user: string, request: string): Promise<string> {
	const name = `kstack-operator-${randomBytes(8).toString('hex')}`;
	const created = JSON.parse(
		await callKubernetes(kubeconfig, 'POST', requests, {
			apiVersion: 'certificates.k8s.io/v1',
			kind: 'CertificateSigningRequest',
			metadata: { name },
			spec: {
				request: base64(request),
				signerName: 'kubernetes.io/kube-apiserver-client',
				usages: ['digital signature', 'client auth'],
			},
		}),
	) as SigningRequestObject;
	try {
		const message = `kstack renews the certificate of ${user}.`;
		const approved = { type: 'Approved', status: 'True', reason: 'KstackRenewal', message };
		await callKubernetes(kubeconfig, 'PUT', `${requests}/${name}/approval`, {
			...created,
			status: { conditions: [approved] },
		});
		return await signed(kubeconfig, name);
	} finally {
		// The cluster deletes it after an hour, if this fails.
		await callKubernetes(kubeconfig, 'DELETE', `${requests}/${name}`).catch(() => undefined);
	}
}

/** The kubeconfig with another certificate and key. What the operator has added to it stays, where that is possible. */
function withCredentials(cluster: string, kubeconfig: string, certificate: string, key: string): string {
	const access = parseKubeconfig(kubeconfig);
	const text = kubeconfig.replaceAll(access.certificate, certificate).replaceAll(access.key, key);
	const changed = parseKubeconfig(text);
	if (changed.certificate === certificate && changed.key === key) return text;
	return kubeconfigText(cluster, access.server, { ca: access.ca, certificate, key });
}

/**
 * Renews the certificate of a kubeconfig through the Kubernetes API, with a new key and for the same user. The new
 * kubeconfig has been used for a request, so it may replace the old one.
 *
 * @param cluster     its name
 * @param kubeconfig  one whose certificate is still valid
 * @returns the text of the new kubeconfig
 * @throws UserError code `renewal-failed`, `invalid-certificate`, or as the API refuses
 */
export async function renewThroughApi(cluster: string, kubeconfig: string): Promise<string> {
	const before = certificateIn(kubeconfig);
	const user = userOf(before);
	const key = await newOperatorKey();
	const request = await withNamelessFiles(async (files) =>
		operatorRequest(await files.add(key), user, files.descriptors),
	);
	const pem = await sign(kubeconfig, user, request);
	const ca = Buffer.from(parseKubeconfig(kubeconfig).ca, 'base64').toString();
	const { validTo } = requireCertificate(pem, ca, key);
	const text = withCredentials(cluster, kubeconfig, base64(pem), base64(key));
	if (userOf(certificateIn(text)) !== user) throw notRenewed('the cluster has signed another name');
	if (!(Date.parse(validTo) > (before?.end.getTime() ?? 0)))
		throw notRenewed(`the cluster's new one ends no later, on ${validTo}`);
	await callKubernetes(text, 'GET', '/version');
	return text;
}
