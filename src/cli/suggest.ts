import { similar } from '../base/similar.ts';

/** ` Did you mean --minions?`, or nothing when no known name is close. */
export function suggestion(typed: string, known: readonly string[], prefix = ''): string {
	const near = similar(typed, known);
	return near === undefined ? '' : ` Did you mean ${prefix}${near}?`;
}
