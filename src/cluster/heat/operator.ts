import { randomInt } from 'node:crypto';
import { run } from '../../base/run.ts';
import { writeSecret } from './directory.ts';

const openssl = (args: readonly string[]) => run('openssl', args, { package: 'openssl' });

/**
 * Makes the operator's private key, which stays in `keyFile`, and the request for its certificate,
 * which a master signs.
 *
 * @param user  the operator's user name in Kubernetes
 * @returns the request as PEM
 */
export async function requestOperatorCertificate(keyFile: string, user = 'kstack-operator'): Promise<string> {
	await writeSecret(keyFile, `${await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout'])}\n`);
	const subject = `/O=kstack:operators/CN=${user}`;
	return `${await openssl(['req', '-new', '-sha256', '-key', keyFile, '-subj', subject])}\n`;
}

/** A bootstrap token, in the form that Kubernetes asks for: six characters, a dot, sixteen. */
export function makeToken(): string {
	const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
	const word = (length: number) =>
		Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
	return `${word(6)}.${word(16)}`;
}
