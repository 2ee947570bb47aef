import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { load } from 'js-yaml';
import { UserError } from '../../base/errors.ts';
import { withNamelessFiles } from '../../base/nameless-files.ts';
import { newOperatorKey, operatorRequest } from '../heat/operator.ts';
import { signOnMaster } from '../heat/signing.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText } from './kubeconfig-file.ts';

/** @throws UserError code `invalid-certificate` unless the PEM is a certificate for the key, and its CA */
function requireCertificates(pem: string, keyPem: string): { certificate: string; ca: string } {
	const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
	const [certificate, ca] = found;
	const wrong = (why: string) =>
		new UserError(`The master's answer is not a certificate for this request: ${why}.`, {
			code: 'invalid-certificate',
		});
	if (certificate === undefined || ca === undefined || found.length !== 2)
		throw wrong(`it holds ${found.length} certificates instead of 2`);
	const signed = new X509Certificate(certificate);
	const own = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
	if (!signed.publicKey.export({ type: 'spki', format: 'der' }).equals(own))
		throw wrong('it is for another key');
	if (!signed.verify(new X509Certificate(ca).publicKey)) throw wrong('its CA did not sign it');
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

/** The user and the expiry of a kubeconfig's certificate; `undefined` if it has none that can be read. */
export function certificateIn(kubeconfig: string): { user: string; end: Date } | undefined {
	try {
		const config = load(kubeconfig) as { users: { user: Record<string, string> }[] };
		const data = config.users[0]?.user['client-certificate-data'];
		const certificate = new X509Certificate(Buffer.from(String(data), 'base64'));
		const user = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '';
		return { user, end: new Date(certificate.validTo) };
	} catch {
		return undefined;
	}
}
