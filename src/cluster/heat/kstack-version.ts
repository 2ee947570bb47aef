import { usageError } from '../../base/errors.ts';
import { packageVersion } from '../../base/package.ts';
import { jsonParameter } from '../spec/json-parameter.ts';
import type { Parameters } from '../spec/parameters.ts';
import type { Stack } from './stack.ts';

/** A pre-release is treated as its release. */
const numbers = (version: string) => version.replace(/-.*/, '').split('.').map(Number);

/** Negative, 0 or positive if `one` is older, the same or newer. */
function compare(one: string, other: string): number {
	const [a, b] = [numbers(one), numbers(other)];
	const at = [0, 1, 2].find((index) => a[index] !== b[index]);
	return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/**
 * The version of kstack that rendered a stack's templates, as recorded in the parameter `generations`; `undefined` for
 * 0.2.0 and earlier, which recorded nothing.
 */
function recordedVersion(parameters: Parameters): string | undefined {
	const { kstack } = jsonParameter(parameters, 'generations');
	return typeof kstack === 'string' && /^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(kstack) ? kstack : undefined;
}

/**
 * The parameter `generations` with the version of this kstack, whose templates give members the security groups of their
 * roles.
 */
export function withOwnVersion(parameters: Parameters): string {
	const record = jsonParameter(parameters, 'generations');
	return JSON.stringify({ securityGroups: 'both', ...record, kstack: packageVersion() });
}

/**
 * Refuses to change a stack of a newer kstack: the templates of this one would lack what the newer one has added.
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
