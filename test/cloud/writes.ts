import type { Api } from './api.ts';
import { eventually } from './cloud.ts';
import { meanwhile, type Requests } from './loop.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const written = `${configMaps}?labelSelector=of%3Dloop`;

/** Writes to the API, and what became of them. */
export interface Writes extends Requests {
	/** Writes that the API acknowledged. */
	readonly acknowledged: number;
	/** Numbers of acknowledged writes that the API does not have afterwards. */
	readonly lost: readonly number[];
}

/** Creates and reads a ConfigMap ten times a second while `use` runs, then compares the API with what it acknowledged. */
export async function writesWhile(api: Api, use: () => Promise<unknown>): Promise<Writes> {
	const acknowledged: number[] = [];
	const write = async (turn: number) => {
		const metadata = { name: `write-${turn}`, labels: { of: 'loop' } };
		await api('POST', configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
		acknowledged.push(turn);
		await api('GET', `${configMaps}/write-${turn}`);
	};
	const requests = await meanwhile(write, 100, use);
	// There can be thousands, and on a busy machine etcd may be electing a leader again.
	const patience = 60_000;
	const { items } = JSON.parse(await eventually(10, () => api('GET', written, undefined, patience))) as {
		items: { metadata: { name: string } }[];
	};
	const kept = new Set(items.map(({ metadata }) => metadata.name));
	await eventually(10, () => api('DELETE', written, undefined, patience));
	const lost = acknowledged.filter((turn) => !kept.has(`write-${turn}`));
	return { ...requests, acknowledged: acknowledged.length, lost };
}
