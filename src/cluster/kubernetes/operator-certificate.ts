import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { UserError } from '../../base/errors.ts';
import { withNamelessFiles } from '../../base/nameless-files.ts';
import { newOperatorKey, operatorRequest } from '../heat/operator.ts';
import { signOnMaster } from '../heat/signing.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText, parseKubeconfig } from './kubeconfig-file.ts';

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

const wrong = (why: string) =>
	new UserError(`What the cluster signed is not a certificate for this request: ${why}.`, {
		code: 'invalid-certificate',
	});

/**
 * @param ca  one or several CAs, in PEM
 * @throws UserError code `invalid-certificate` unless the PEM is one certificate, for the key, and signed by a CA
 */
export function requireCertificate(pem: string, ca: string, keyPem: string): X509Certificate {
	const found = pem.match(block) ?? [];
	if (found.length !== 1) throw wrong(`it holds ${found.length} certificates instead of 1`);
	const signed = new X509Certificate(pem);
	const own = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
	if (!signed.publicKey.export({ type: 'spki', format: 'der' }).equals(own))
		throw wrong('it is for another key');
	const authorities = (ca.match(block) ?? []).map((one) => new X509Certificate(one));
	if (!authorities.some(({ publicKey }) => signed.verify(publicKey))) throw wrong('its CA did not sign it');
	return signed;
}

/** The certificate and its CA in the answer of a master. */
function requireCertificates(pem: string, key: string): { certificate: string; ca: string } {
	const found = pem.match(block) ?? [];
	const [certificate, ca] = found;
	if (certificate === undefined || ca === undefined || found.length !== 2)
		throw wrong(`it holds ${found.length} certificates instead of 2`);
	requireCertificate(certificate, ca, key);
	return { certificate, ca };
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

/**
 * Creates a kubeconfig with a new key and a new certificate, signed by a master and valid for a year as cluster-admin.
 * The key is written only to a deleted temporary file, for openssl.
 *
 * @param user  the operator's user name in Kubernetes
 * @returns the kubeconfig's text
 * @throws UserError code `no-master-signed` when no master answers, `no-api-endpoint` when the stack has none yet
 */
export async function issueKubeconfig(stack: Stack, user: string): Promise<string> {
	const endpoint = stack.outputs.api_endpoint;
	if (typeof endpoint !== 'string' || endpoint === '') {
		throw new UserError(`${stack.name} has no API endpoint yet: the stack is ${stack.status}.`, {
			code: 'no-api-endpoint',
			hint: `Check it with: kstack status ${stack.name}`,
		});
	}
	const key = await newOperatorKey();
	const request = await withNamelessFiles(async (files) =>
		operatorRequest(await files.add(key), user, files.descriptors),
	);
	const answer = await signOnMaster(stack, { operator: user, request: base64(request) });
	const { certificate, ca } = requireCertificates(answer, key);
	return kubeconfigText(stack.name, endpoint, {
		ca: base64(ca),
		certificate: base64(certificate),
		key: base64(key),
	});
}

/** The certificate of a kubeconfig's first user. */
export interface OperatorCertificate {
	/** Its common name: the user name in Kubernetes. */
	readonly user: string;
	/** Its subject, one part in each line, such as `O=kstack:operators`. */
	readonly subject: string;
	readonly end: Date;
}

/** The certificate of a kubeconfig's first user; `undefined` if it has none that can be read. */
export function certificateIn(kubeconfig: string): OperatorCertificate | undefined {
	try {
		const { certificate } = parseKubeconfig(kubeconfig);
		const { subject, validTo } = new X509Certificate(Buffer.from(certificate, 'base64'));
		return { user: /^CN=(.*)$/m.exec(subject)?.[1] ?? '', subject, end: new Date(validTo) };
	} catch {
		return undefined;
	}
}
