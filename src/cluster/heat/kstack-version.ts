import { usageError } from '../../base/errors.ts';
import { packageVersion } from '../../base/package.ts';
import { jsonParameter } from '../spec/json-parameter.ts';
import type { Parameters } from '../spec/parameters.ts';
import type { Stack } from './stack.ts';

/** A pre-release counts as its release. */
const numbers = (version: string) => version.replace(/-.*/, '').split('.').map(Number);

/** Below, equal or above 0 as `one` is older, the same or newer. */
function compare(one: string, other: string): number {
	const [a, b] = [numbers(one), numbers(other)];
	const at = [0, 1, 2].find((index) => a[index] !== b[index]);
	return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/**
 * The newest kstack that gave a stack its templates, as the parameter `generations` records it; `undefined` for one
 * up to 0.2.0, which recorded nothing.
 */
function recordedVersion(parameters: Parameters): string | undefined {
	const { kstack } = jsonParameter(parameters, 'generations');
	return typeof kstack === 'string' && /^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(kstack) ? kstack : undefined;
}

/** The parameter `generations` of a stack that gets its templates from this kstack. */
export function withOwnVersion(parameters: Parameters): string {
	return JSON.stringify({ ...jsonParameter(parameters, 'generations'), kstack: packageVersion() });
}

/**
 * Before a change: an older kstack would render templates without what a newer one has added.
 *
 * @throws UserError exit code 2, `newer-kstack`
 */
export function requireNotNewer(stack: Stack): void {
	const recorded = recordedVersion(stack.parameters);
	if (recorded === undefined || compare(recorded, packageVersion()) <= 0) return;
	throw usageError(
		`${stack.name} was created or updated with kstack ${recorded}; this is kstack ${packageVersion()}.`,
		`Nothing was changed. Use kstack ${recorded} or later.`,
		'newer-kstack',
	);
}
