import { randomInt } from 'node:crypto';
import { userInfo } from 'node:os';
import { usageError } from '../../base/errors.ts';
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
 * @param files  descriptors of deleted temporary files, if the key is in one
 */
export async function operatorRequest(
	keyFile: string,
	user: string,
	files: readonly number[] = [],
): Promise<string> {
	const subject = `/O=kstack:operators/CN=${user}`;
	return `${await openssl(['req', '-new', '-sha256', '-key', keyFile, '-subj', subject], files)}\n`;
}

/** A valid user name of an operator; the master that signs the certificate checks the same. */
const userName = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/;

export const isUserName = (text: string) => userName.test(text);

/** The operating system's user name, converted to a valid one of an operator; `operator` if nothing remains. */
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
		`--user is ${JSON.stringify(flag)}: it must be at most 64 characters of a-z, 0-9, - and ., beginning and ending with a letter or a digit.`,
		undefined,
		'invalid-user',
	);
}

/** A bootstrap token in the format of Kubernetes: six characters, a dot, sixteen characters. */
export function makeToken(): string {
	const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
	const random = (length: number) =>
		Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
	return `${random(6)}.${random(16)}`;
}
