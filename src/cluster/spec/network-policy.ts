import type { Value } from './settings.ts';

/**
 * What an operator must know of a network driver: a NetworkPolicy that nothing enforces looks like one that is enforced.
 *
 * @returns a sentence; none for a driver that enforces NetworkPolicy
 */
export function networkPolicyNotice(driver: Value | undefined): string[] {
	if (driver === undefined || driver === 'calico') return [];
	return [`The network driver ${driver} does not enforce NetworkPolicy: all pods can connect to each other.`];
}
