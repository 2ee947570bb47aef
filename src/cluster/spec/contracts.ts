import { generationsOf, type Prefix } from './generations.ts';
import type { Parameters } from './parameters.ts';

/** The contract (src/base/contract.ts) of the image that a pool's members are made from, by the pool's ID. */
export type PoolContracts = (id: string, prefix: Prefix) => number;

/** Contracts by the value of an image parameter, an image ID; an image that is not there has contract 0. */
export type Contracts = Readonly<Record<string, number>>;

/** The contracts of a stack's pools, as its parameters tell them: nothing is asked of Glance. */
export function poolContracts(parameters: Parameters): PoolContracts {
	const { contracts = {} } = generationsOf(parameters);
	return (id, prefix) => contracts[String(parameters[`${prefix}${id}_image`])] ?? 0;
}
