import { generationsOf, type Prefix } from './generations.ts';
import type { Parameters } from './parameters.ts';

/** The contract (src/base/contract.ts) of the image of a pool, by the pool's ID. */
export type PoolContracts = (id: string, prefix: Prefix) => number;

/** Contracts by the image ID in an image parameter; 0 for images without an entry. */
export type Contracts = Readonly<Record<string, number>>;

/** The contracts of a stack's pools, from its parameters, without requests to Glance. */
export function poolContracts(parameters: Parameters): PoolContracts {
	// Whoever may update the stack may write the record: what is not a number counts as none.
	const recorded = new Map<string, unknown>(Object.entries(generationsOf(parameters).contracts ?? {}));
	return (id, prefix) => {
		const contract = recorded.get(String(parameters[`${prefix}${id}_image`]));
		return typeof contract === 'number' ? contract : 0;
	};
}

/** What templates and user-data may use, because the images of a stack's pools support it. */
export interface ImageSupport {
	readonly contractOf: PoolContracts;
	/** Each member has a join token of its own, which the masters verify. */
	readonly memberTokens: boolean;
}

/** The contract of the first image whose masters verify a join token of each member. */
const memberTokensSince = 2;

/** The contract of the first image whose masters set the taints of a node's role, and record members. */
const nodesNotBelievedSince = 2;

/**
 * Whether all masters of a cluster set the taints of a node's role, during an upgrade those of both generations.
 *
 * @param masterContracts  of the images of the masters, by generation
 */
export const setRoleTaints = (masterContracts: readonly number[]) =>
	masterContracts.every((contract) => contract >= nodesNotBelievedSince);

/** Whether all masters of a cluster know addresses and servers of members from a record, and not from Node objects. */
export const hasMemberRecords = setRoleTaints;

/** Whether a new cluster whose masters have an image of this contract gives each member a join token of its own. */
export const supportsMemberTokens = (masterContract: number) => masterContract >= memberTokensSince;

/** What the images of a stack support, from its parameters. */
export function imageSupport(parameters: Parameters): ImageSupport {
	const memberTokens = generationsOf(parameters).memberTokens === true;
	return { contractOf: poolContracts(parameters), memberTokens };
}
