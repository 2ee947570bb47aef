import { similar } from '../base/similar.ts';

/** ` Did you mean --minions?`, or nothing when no known name is close. */
export function suggestion(typed: string, known: readonly string[], prefix = ''): string {
	const name = similar(typed, known);
	return name === undefined ? '' : ` Did you mean ${prefix}${name}?`;
}
