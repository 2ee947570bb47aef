import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { userInfo } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { UserError, usageError } from '../../base/errors.ts';
import { inTemporaryFolder } from '../heat/arguments.ts';
import { writeSecret } from '../heat/directory.ts';
import { newOperatorKey, operatorRequest } from '../heat/operator.ts';
import { signOnMaster } from '../heat/signing.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText } from './kubeconfig-file.ts';

/** What a user name of an operator may be; the master that signs checks the same. */
const userName = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/;

/** The operating system's user name in the form of an operator's, or `operator` where nothing is left of it. */
export function userNameFrom(login: string): string {
	const name = login
		.toLowerCase()
		.replace(/[^a-z0-9.-]+/g, '-')
		.slice(0, 64)
		.replace(/^[.-]+|[.-]+$/g, '');
	return name === '' ? 'operator' : name;
}

function loginName(): string {
	try {
		return userInfo().username;
	} catch {
		return ''; // a container may run with an ID that has no name
	}
}

/**
 * The user name that an operator gets in Kubernetes.
 *
 * @param flag  the value of `--user`; without it the login name is used
 * @throws UserError exit code 2, code `invalid-user`
 */
export function operatorName(flag?: string): string {
	if (flag === undefined) return userNameFrom(loginName());
	if (userName.test(flag)) return flag;
	throw usageError(
		`--user is ${JSON.stringify(flag)}: it must be at most 64 of a-z, 0-9, - and ., beginning and ending with a letter or a digit.`,
		undefined,
		'invalid-user',
	);
}

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
 * Makes a kubeconfig with a new key and a new certificate, which a master signs: a year of cluster-admin. The key
 * does not leave this process but for a file of its own, which is deleted.
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
	const { key, request } = await inTemporaryFolder(async (folder) => {
		const file = path.join(folder, 'operator.key');
		const key = await newOperatorKey();
		await writeSecret(file, key);
		return { request: await operatorRequest(file, user), key };
	});
	const answer = await signOnMaster(stack, { operator: user, request: base64(request) });
	const { certificate, ca } = requireCertificates(answer, key);
	return kubeconfigText(stack.name, endpoint, {
		ca: base64(ca),
		certificate: base64(certificate),
		key: base64(key),
	});
}

/** Who a kubeconfig is for, and until when; `undefined` where it holds no certificate that can be read. */
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
