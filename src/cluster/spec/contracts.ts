import { generationsOf, type Pool } from './generations.ts';
import type { Parameters } from './parameters.ts';
import type { Role } from './roles.ts';

/** The contract (src/base/contract.ts) of the image that a role's members in a pool are made from. */
export type PoolContracts = (role: Role, pool: Pool) => number;

/** Contracts by the value of an image parameter, an image ID; an image that is not there has contract 0. */
export type Contracts = Readonly<Record<string, number>>;

/** The contracts of a stack's pools, as its parameters tell them: nothing is asked of Glance. */
export function poolContracts(parameters: Parameters): PoolContracts {
	const { contracts = {} } = generationsOf(parameters);
	return (role, pool) => contracts[String(parameters[`${pool}${role}_image`])] ?? 0;
}
