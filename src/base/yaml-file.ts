import { readFileSync } from 'node:fs';
import { CORE_SCHEMA, FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml';
import { usageError } from './errors.ts';
import { cut } from './forms.ts';
import { requireWithinLimits } from './yaml-limits.ts';

/** How scalars are read: by YAML's core rules, or all of them as text, so that the version 1.20 keeps its zero. */
export type Scalars = 'typed' | 'text';

/**
 * The content of a YAML text; that of an empty one is an empty mapping.
 *
 * @param file  what messages call it
 * @throws UserError exit code 2 when it is not YAML, or `yaml-too-large` when it is endless
 */
export function parseYaml(text: string, file: string, scalars: Scalars): unknown {
	if (text.split('\n').every((line) => /^\s*(#|$)/.test(line))) return {};
	try {
		const schema = scalars === 'text' ? FAILSAFE_SCHEMA : CORE_SCHEMA;
		const content = load(text, { filename: file, schema }) ?? {};
		requireWithinLimits(content, file);
		return content;
	} catch (error) {
		if (!(error instanceof YAMLException)) throw error;
		throw usageError(
			`${file} is not YAML: ${error.message.split('\n').map(cut).join('\n')}`,
			undefined,
			'not-yaml',
		);
	}
}

/**
 * The content of a YAML file whose scalars are all text.
 *
 * @throws UserError exit code 2 when it cannot be read or is not YAML
 */
export function readYaml(file: string): unknown {
	let text: string;
	try {
		text = readFileSync(file, 'utf8');
	} catch (error) {
		throw usageError(`${file} cannot be read: ${(error as Error).message}`, undefined, 'unreadable-file');
	}
	return parseYaml(text, file, 'text');
}
