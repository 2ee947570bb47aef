import { generationsOf, type Prefix } from './generations.ts';
import type { Parameters } from './parameters.ts';

/** The contract (src/base/contract.ts) of the image of a pool, by the pool's ID. */
export type PoolContracts = (id: string, prefix: Prefix) => number;

/** Contracts by the image ID in an image parameter; 0 for images without an entry. */
export type Contracts = Readonly<Record<string, number>>;

/** The contracts of a stack's pools, from its parameters, without requests to Glance. */
export function poolContracts(parameters: Parameters): PoolContracts {
	const { contracts = {} } = generationsOf(parameters);
	return (id, prefix) => contracts[String(parameters[`${prefix}${id}_image`])] ?? 0;
}
