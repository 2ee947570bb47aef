import { existsSync } from 'node:fs';
import { load } from 'js-yaml';
import { usageError } from '../../base/errors.ts';
import type { Parameters } from '../spec/parameters.ts';
import { readIfThere, readParameters, type StackDirectory, writeSecret } from './directory.ts';
import { makeToken, newOperatorKey, operatorName, operatorRequest } from './operator.ts';

/** The secrets of a new cluster, and the operator's certificate request. */
export interface Credentials {
	/** Tokens, by Heat parameter. */
	readonly secrets: Parameters;
	/** The request for the operator's certificate: base64 of PEM. */
	readonly request: string;
}

const token = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** The tokens in secrets.yaml; `undefined` when there is no such file. */
async function tokensIn(directory: StackDirectory): Promise<Parameters | undefined> {
	const text = await readIfThere(directory.secrets);
	if (text === undefined) return undefined;
	let parameters: Record<string, unknown> | undefined;
	try {
		parameters = (load(text) as { parameters?: Record<string, unknown> } | null)?.parameters;
	} catch {
		parameters = undefined;
	}
	const { join_token, master_token = makeToken() } = parameters ?? {};
	if (token.test(String(join_token)) && token.test(String(master_token))) return { join_token, master_token };
	throw usageError(
		`${directory.secrets} was not written by kstack: it has no join_token.`,
		'Move it away, or choose another name for the cluster.',
		'foreign-directory',
	);
}

/**
 * The tokens and the operator's key in the stack directory; missing ones are created. Existing ones are never
 * overwritten: they may belong to a cluster that was created with the plain client or on another cloud.
 */
export async function credentialsIn(directory: StackDirectory): Promise<Credentials> {
	const secrets = (await tokensIn(directory)) ?? { join_token: makeToken(), master_token: makeToken() };
	const present = existsSync(directory.operatorKey);
	if (!present) await writeSecret(directory.operatorKey, await newOperatorKey());
	const known = present ? (await readParameters(directory))?.operator_request : undefined;
	if (typeof known === 'string' && known !== '') return { secrets, request: known };
	const request = await operatorRequest(directory.operatorKey, operatorName());
	return { secrets, request: Buffer.from(request).toString('base64') };
}
