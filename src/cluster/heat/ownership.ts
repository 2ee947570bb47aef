import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { usageError } from '../../base/errors.ts';
import { readIfThere, type StackDirectory } from './directory.ts';
import { isTemplate } from './stack.ts';

async function parametersIn(file: string): Promise<Record<string, unknown>> {
	const text = (await readIfThere(file)) ?? '';
	try {
		const parameters = (load(text) as { parameters?: unknown } | null)?.parameters;
		return typeof parameters === 'object' && parameters !== null ? { ...parameters } : {};
	} catch {
		return {}; // kstack writes YAML
	}
}

/** Existing files that kstack would overwrite and did not write. */
async function foreignFiles(directory: StackDirectory): Promise<string[]> {
	const heat = path.dirname(directory.template);
	const found: string[] = [];
	const templates = existsSync(heat) ? await readdir(heat) : [];
	const isOurs = isTemplate(await parametersIn(directory.template));
	if (templates.length > 0 && !isOurs) found.push(`${heat}/`);
	const { cluster_state, operator_request } = await parametersIn(directory.parameters);
	const known = cluster_state !== undefined || operator_request !== undefined;
	if (existsSync(directory.parameters) && !known) found.push(directory.parameters);
	return found;
}

/**
 * Checks before a stack directory is written that it has no foreign files, and none of a running cluster.
 *
 * @throws UserError exit code 2: `foreign-directory` or `running-cluster`
 */
export async function requireWritable(directory: StackDirectory, name: string): Promise<void> {
	const foreign = await foreignFiles(directory);
	if (foreign.length > 0) {
		throw usageError(
			`${foreign.join(' and ')} would be overwritten, but was not written by kstack.`,
			'Move it away, or choose another name for the cluster.',
			'foreign-directory',
		);
	}
	const { cluster_state } = await parametersIn(directory.parameters);
	const isRunning =
		existsSync(directory.kubeconfig) || (existsSync(directory.secrets) && cluster_state === 'existing');
	if (!isRunning) return;
	throw usageError(
		`${directory.path} is the stack directory of an existing cluster: kstack does not replace its tokens and keys.`,
		`Change the cluster with: kstack update ${name}. If it does not exist any more, move ${directory.kubeconfig} and ${directory.secrets} away.`,
		'running-cluster',
	);
}
