import { UserError } from '../../base/errors.ts';

/**
 * A Heat parameter that is a mapping, which Heat returns as JSON text; empty if the stack does not have it.
 *
 * @throws UserError `bad-parameter` if it is anything else
 */
export function jsonParameter(
	parameters: Readonly<Record<string, unknown>>,
	name: string,
): Record<string, unknown> {
	const given = parameters[name] ?? {};
	let value: unknown = given;
	try {
		if (typeof given === 'string') value = JSON.parse(given || '{}');
	} catch {
		value = undefined;
	}
	if (typeof value === 'object' && value !== null && !Array.isArray(value))
		return value as Record<string, unknown>;
	throw new UserError(
		`The parameter ${name} of the stack is ${JSON.stringify(given).slice(0, 200)}: it must be a mapping in JSON. Only kstack sets it.`,
		{ code: 'bad-parameter', hint: 'The events of the stack show which update changed it.' },
	);
}
