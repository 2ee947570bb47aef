import { CORE_SCHEMA, load, YAMLException } from 'js-yaml';
import { refuse, usageError } from '../../base/errors.ts';
import { overlap, parseNetwork } from './cidr.ts';
import { type PoolEntry, readPools } from './pool-entries.ts';
import { flagOf, type Setting, settings, type Value } from './settings.ts';

/** What is asked for, by setting; what is not said is absent. */
export type Settings = Readonly<Record<string, Value>>;

/** A cluster: its name and what is asked for. */
export interface Cluster {
	readonly name: string;
	readonly settings: Settings;
	/** Its further pools, in the order of cluster.yaml. */
	readonly pools?: readonly PoolEntry[];
}

/** A value and where it was written, for messages: `--minions`, or `minions in demo/cluster.yaml`. */
interface Given {
	readonly value: unknown;
	readonly place: string;
}

const quoted = (value: unknown) => JSON.stringify(value);

/** Why a cluster may not have this name; `undefined` when it may. */
export function mistakeInName(name: string): string | undefined {
	if (/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name) && name.length <= 40) return undefined;
	return `The cluster name "${name}" cannot be part of a host name: use at most 40 of a-z, 0-9 and -, beginning with a letter and not ending with -.`;
}

function whole(text: unknown, least: number): number | undefined {
	const number = typeof text === 'string' && /^-?\d+$/.test(text.trim()) ? Number(text) : text;
	return typeof number === 'number' && Number.isInteger(number) && number >= least ? number : undefined;
}

/** The value as its type, or the end of the sentence "x is y, which …". */
function understand(setting: Setting, value: unknown): { value: Value } | { mistake: string } {
	switch (setting.type) {
		case 'count': {
			const count = whole(value, 0);
			return count === undefined ? { mistake: 'must be a whole number from 0' } : { value: count };
		}
		case 'seconds': {
			const seconds = whole(value, 60);
			if (seconds === undefined || seconds > 43200) return { mistake: 'must be seconds from 60 to 43200' };
			return { value: seconds };
		}
		case 'port': {
			const port = whole(value, 1);
			// From 10248 on the node's own programs listen.
			if (port === undefined || port > 10247) return { mistake: 'must be a port from 1 to 10247' };
			return { value: port };
		}
		case 'length': {
			const length = whole(value, 8);
			if (length === undefined || length > 30) return { mistake: 'must be a prefix length from 8 to 30' };
			return { value: length };
		}
		case 'switch':
			if (value === true || value === 'true') return { value: true };
			if (value === false || value === 'false') return { value: false };
			return { mistake: 'must be true or false' };
		case 'choice':
			if (setting.choices?.includes(String(value))) return { value: String(value) };
			return { mistake: `must be one of ${setting.choices?.join(', ')}` };
		case 'cidr':
		case 'cidrs':
			if (setting.type === 'cidrs' && value === '') return { value: '' };
			if (parseNetwork(String(value)) !== undefined) return { value: String(value) };
			return { mistake: 'must be an IPv4 network such as 10.0.0.0/24, with nothing set beyond its prefix' };
		case 'domain':
			if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(String(value))) {
				return { value: String(value) };
			}
			return { mistake: 'must be a DNS domain such as cluster.local' };
		case 'text':
			if (typeof value === 'string' || typeof value === 'number') {
				if (!/[\n\r\0]/.test(String(value))) return { value: String(value) };
			}
			return { mistake: 'must be one line of text' };
	}
}

/** Reads the YAML of a cluster file or a Heat environment into a mapping. */
export function readMapping(text: string, file: string): Record<string, unknown> {
	let content: unknown;
	try {
		const empty = text.split('\n').every((line) => /^\s*(#|$)/.test(line));
		content = empty ? {} : (load(text, { filename: file, schema: CORE_SCHEMA }) ?? {});
	} catch (error) {
		if (!(error instanceof YAMLException)) throw error;
		throw usageError(`${file} is not YAML: ${error.message}`);
	}
	if (typeof content !== 'object' || content === null || Array.isArray(content)) {
		throw usageError(`${file} must be a mapping of settings to values.`);
	}
	return content as Record<string, unknown>;
}

function given(flags: Readonly<Record<string, unknown>>, file: Record<string, unknown>, path: string) {
	const values = new Map<string, Given>();
	for (const [key, value] of Object.entries(file)) {
		if (value !== null) values.set(key, { value, place: `${key} in ${path}` });
	}
	for (const setting of settings) {
		const value = flags[setting.key];
		if (value !== undefined) values.set(setting.key, { value, place: `--${flagOf(setting)}` });
	}
	return values;
}

/**
 * Puts together what is asked for: flags go before the file, the file before the defaults.
 *
 * @param name   the cluster's name, unless the file has one
 * @param flags  values by setting key, as the command line gave them
 * @param file   the text of cluster.yaml and its path; `undefined` when there is none
 * @throws UserError exit code 2, with every mistake in it
 */
export function readCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: { readonly text: string; readonly path: string } | undefined,
): Cluster {
	const {
		name: nameInFile,
		pools: poolsInFile,
		...content
	} = file === undefined ? {} : readMapping(file.text, file.path);
	const values = given(flags, content, file?.path ?? '');
	const mistakes: string[] = [];
	const wrongName = mistakeInName(name);
	if (wrongName !== undefined) mistakes.push(wrongName);
	if (nameInFile !== undefined && nameInFile !== name) {
		mistakes.push(`name in ${file?.path} is ${quoted(nameInFile)}, but the cluster asked for is "${name}".`);
	}
	for (const key of Object.keys(content)) {
		if (!settings.some((setting) => setting.key === key))
			mistakes.push(`${key} in ${file?.path} is no setting.`);
	}
	const understood: Record<string, Value> = {};
	for (const setting of settings) {
		const said = values.get(setting.key);
		const value = said?.value ?? setting.default;
		if (value === undefined) continue;
		const result = understand(setting, value);
		if ('mistake' in result) mistakes.push(`${said?.place} is ${quoted(value)}: it ${result.mistake}.`);
		else understood[setting.key] = result.value;
	}
	mistakes.push(...contradictions(understood, values));
	const pools = readPools(poolsInFile, file?.path ?? '', name, mistakes);
	refuse(mistakes, file === undefined ? "See 'kstack create --help'." : undefined);
	return { name, settings: understood, pools };
}

/** What is right by itself and wrong together. */
function contradictions(cluster: Settings, values: ReadonlyMap<string, Given>): string[] {
	const mistakes: string[] = [];
	const place = (key: string) => values.get(key)?.place ?? key;
	const masters = cluster.masters;
	if (typeof masters === 'number' && ![1, 3, 5, 7].includes(masters)) {
		const why =
			masters === 0
				? 'a cluster is nothing without a master'
				: masters > 7
					? 'more than seven only slow etcd down'
					: `${masters} survive no more losses than ${masters - 1} do`;
		mistakes.push(`${place('masters')} is ${masters}: ${why}. Use 1, 3, 5 or 7.`);
	}
	if (Number(cluster.gatewayFirstPort) > Number(cluster.gatewayLastPort)) {
		mistakes.push(
			`${place('gatewayFirstPort')} is ${cluster.gatewayFirstPort}: it must not be above gatewayLastPort (${cluster.gatewayLastPort}).`,
		);
	}
	for (const key of ['httpProxy', 'httpsProxy']) {
		if (/^[a-z]+:\/\/[^/]*@/i.test(String(cluster[key] ?? ''))) {
			mistakes.push(
				`${place(key)} holds a user or a password: Heat and every machine would show it. Use a proxy that needs none.`,
			);
		}
	}
	// On an existing network nodeCidr means nothing.
	const nodes = cluster.fixedNetwork === '' ? ['nodeCidr'] : [];
	const ranges = [...nodes, 'podCidr', 'serviceCidr'].flatMap((key) => {
		const network = parseNetwork(String(cluster[key] ?? ''));
		return network === undefined ? [] : [{ key, network }];
	});
	for (const [index, one] of ranges.entries()) {
		for (const other of ranges.slice(index + 1)) {
			if (!overlap(one.network, other.network)) continue;
			mistakes.push(
				`${place(one.key)} (${cluster[one.key]}) and ${place(other.key)} (${cluster[other.key]}) overlap: machines, pods and Services need addresses of their own.`,
			);
		}
	}
	const pods = parseNetwork(String(cluster.podCidr ?? ''));
	if (pods !== undefined && Number(cluster.podSubnetLength) <= pods.prefix) {
		mistakes.push(
			`${place('podSubnetLength')} is ${cluster.podSubnetLength}: it must be longer than the prefix of podCidr (${cluster.podCidr}), which it divides among the machines.`,
		);
	}
	const services = parseNetwork(String(cluster.serviceCidr ?? ''));
	if (services !== undefined && (services.prefix > 27 || services.prefix < 12)) {
		mistakes.push(
			`${place('serviceCidr')} is ${cluster.serviceCidr}: its prefix must be from 12 (the API server's limit) to 27.`,
		);
	}
	if (cluster.fixedNetwork !== '' && cluster.fixedSubnet === '') {
		mistakes.push(
			`${place('fixedNetwork')} is "${cluster.fixedNetwork}": say which of its subnets with fixedSubnet.`,
		);
	}
	return mistakes;
}
