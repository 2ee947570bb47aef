// The security group that all members of clusters of kstack 0.3 or earlier share, and how they leave it without a moment in
// which one of them is not allowed: the first update adds the groups of their roles, the next one removes the shared one.
import { poolContracts } from './contracts.ts';
import { type Generations, generationsOf } from './generations.ts';
import type { Parameters } from './parameters.ts';
import { poolsOf } from './pools.ts';

/** Which security groups the ports of members have after the next update with new templates. */
export type SecurityGroups = NonNullable<Generations['securityGroups']>;

/** Whether no pool has an image of contract 0. */
function allHaveContracts(parameters: Parameters): boolean {
	const contractOf = poolContracts(parameters);
	const upgrading = generationsOf(parameters).previous !== null;
	return poolsOf(parameters).every(
		({ id }) => contractOf(id, '') > 0 && (!upgrading || contractOf(id, 'previous_') > 0),
	);
}

/**
 * @param parameters  those of the stack, with the images that it has after the update
 * @param settled     whether the last update of the stack succeeded, so that the ports have what was recorded
 */
export function nextSecurityGroups(parameters: Parameters, settled: boolean): SecurityGroups {
	const { securityGroups } = generationsOf(parameters);
	if (securityGroups === 'roles') return 'roles';
	return securityGroups === 'both' && settled && allHaveContracts(parameters) ? 'roles' : 'both';
}
