import { printable } from '../../base/forms.ts';
import { contractsOf, type NodeImage, nodeImage } from '../heat/node-image.ts';
import { mistakeInContract, resolvePools } from '../heat/pool-resources.ts';
import type { Stack } from '../heat/stack.ts';
import { countsOf, generationsOf } from '../spec/generations.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { type PoolEntry, recordsFor } from '../spec/pool-entries.ts';
import { type FurtherPool, furtherPools, type PoolRecord, recordsOf } from '../spec/pools.ts';
import type { Roles } from '../spec/roles.ts';

/** What an update does to the additional pools. */
export interface PoolChanges {
	/** Heat parameters that change; empty if the pools do not change. */
	readonly parameters: Parameters;
	/** The additional pools in the templates after the update. */
	readonly pools: readonly FurtherPool[];
	/** Desired member count of each additional pool. */
	readonly counts: Readonly<Record<string, number>>;
	/** Pools whose members this update removes; the next one removes them from the templates. */
	readonly emptied: readonly string[];
}

const canonical = (record: PoolRecord) =>
	JSON.stringify([
		...[record.role, record.flavor ?? '', record.image ?? '', record.availabilityZone ?? ''],
		...[Object.entries(record.labels).sort(), [...record.taints].sort()],
	]);

function mistakesInFixed(entry: PoolEntry, record: PoolRecord, path: string): string[] {
	return (['role', 'flavor', 'image', 'availabilityZone'] as const)
		.filter((key) => (entry[key] ?? '') !== (record[key] ?? ''))
		.map(
			(key) =>
				`${key} of the pool ${entry.name} is ${printable(entry[key] ?? '')} in ${path}; the pool was created with ${JSON.stringify(record[key] ?? '')}, which cannot be changed: add another pool and remove this one.`,
		);
}

/** The parameter that records the contracts of images, if there are new ones to record. */
function withContracts(now: Parameters, images: readonly NodeImage[]): Parameters {
	const added = contractsOf(images);
	if (Object.keys(added).length === 0) return {};
	const generations = generationsOf(now);
	return { generations: { ...generations, contracts: { ...generations.contracts, ...added } } };
}

/**
 * The desired count. If one file differs from the stack, that file was edited. If both differ, another client may have
 * changed the stack, so the operator must state the count.
 */
function wantedCount(
	cluster: string,
	entry: PoolEntry,
	now: number,
	parameters: Parameters,
	paths: { readonly cluster: string; readonly parameters: string },
	mistakes: string[],
): number {
	const name = `${entry.name}_count`;
	const other = Number(parameters[name] ?? now);
	if (!Number.isInteger(other) || other < 0) {
		mistakes.push(
			`${name} in ${paths.parameters} is ${printable(parameters[name])}: it must be a whole number from 0.`,
		);
		return now;
	}
	if (entry.count === now) return other;
	if (other === now) return entry.count;
	mistakes.push(
		`The pool ${entry.name} has ${now} members in the cluster, count ${entry.count} in ${paths.cluster} and ${name} ${other} in ${paths.parameters}: the cluster was changed elsewhere, or both files were edited. Set the count with: kstack scale ${cluster} --pool ${entry.name}=N`,
	);
	return now;
}

/**
 * Compares the pools of cluster.yaml with those of the stack. If an entry is removed, the members of the pool are
 * removed first; an empty pool is then removed from the templates.
 *
 * @param entries     the pools of cluster.yaml
 * @param parameters  parameters.yaml, whose counts may have been edited
 * @param roles       the available roles
 * @param mistakes    receives a sentence for each invalid change
 */
export async function poolChanges(
	stack: Stack,
	entries: readonly PoolEntry[],
	parameters: Parameters,
	paths: { readonly cluster: string; readonly parameters: string },
	roles: Roles,
	mistakes: string[],
): Promise<PoolChanges> {
	const wanted = recordsFor(entries, roles);
	const records = recordsOf(stack.parameters);
	const now = countsOf(stack.parameters, '');
	const isGone = (name: string) => !entries.some((entry) => entry.name === name);
	const settled = stack.status.endsWith('_COMPLETE');
	const emptied = Object.keys(records).filter((name) => isGone(name) && ((now[name] ?? 0) > 0 || !settled));
	const added = entries.filter(({ name }) => records[name] === undefined);
	const counts: Record<string, number> = Object.fromEntries(emptied.map((name) => [name, 0]));
	for (const entry of entries) {
		const record = records[entry.name];
		counts[entry.name] = entry.count;
		if (record === undefined) continue;
		mistakes.push(...mistakesInFixed(entry, record, paths.cluster));
		counts[entry.name] = wantedCount(stack.name, entry, now[entry.name] ?? 0, parameters, paths, mistakes);
	}
	const driver = String(settingsOf(stack.parameters).networkDriver ?? 'routed');
	const { parameters: ofAdded, images } = await resolvePools(
		added,
		stack.parameters,
		driver,
		roles,
		mistakes,
	);
	const changed = entries.filter(({ name }) => {
		const [record, then] = [records[name], wanted[name]];
		return record !== undefined && then !== undefined && canonical(record) !== canonical(then);
	});
	if (changed.length > 0) {
		const masters = await nodeImage(String(stack.parameters.master_image));
		mistakes.push(
			...changed.flatMap((entry) => mistakeInContract({ ...entry, ...wanted[entry.name] }, masters) ?? []),
		);
	}
	const then: Record<string, PoolRecord> = {
		...Object.fromEntries(emptied.map((name) => [name, records[name] as PoolRecord])),
		...wanted,
	};
	const left = Object.keys(records).filter((name) => then[name] === undefined);
	const isRecorded =
		Object.keys(then).length > 0 && (added.length > 0 || changed.length > 0 || left.length > 0);
	return {
		parameters: {
			...ofAdded,
			...Object.fromEntries(
				Object.entries(counts)
					.filter(([name, count]) => records[name] !== undefined && count !== now[name])
					.map(([name, count]) => [`${name}_count`, count]),
			),
			...(isRecorded ? { pools: JSON.stringify(then) } : {}),
			...withContracts(stack.parameters, Object.values(images)),
		},
		pools: furtherPools(then),
		counts,
		emptied,
	};
}
