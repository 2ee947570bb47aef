import { randomInt } from 'node:crypto';
import { run } from '../../base/run.ts';

const openssl = (args: readonly string[], files: readonly number[] = []) =>
	run('openssl', args, { package: 'openssl', files });

/** A new private key for an operator, as PEM. */
export async function newOperatorKey(): Promise<string> {
	return `${await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout'])}\n`;
}

/**
 * The request for the certificate of the operator's key in `keyFile`, as PEM; a master signs it.
 *
 * @param user   the operator's user name in Kubernetes
 * @param files  descriptors of nameless files, where the key is in one
 */
export async function operatorRequest(
	keyFile: string,
	user = 'kstack-operator',
	files: readonly number[] = [],
): Promise<string> {
	const subject = `/O=kstack:operators/CN=${user}`;
	return `${await openssl(['req', '-new', '-sha256', '-key', keyFile, '-subj', subject], files)}\n`;
}

/** A bootstrap token, in the form that Kubernetes asks for: six characters, a dot, sixteen. */
export function makeToken(): string {
	const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
	const word = (length: number) =>
		Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
	return `${word(6)}.${word(16)}`;
}
