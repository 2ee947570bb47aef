// Who may connect to the members of a stack, from the security groups that Neutron has at a moment.
import { ask } from './cloud.ts';

interface Rule {
	readonly direction: string;
	readonly protocol: string | null;
	readonly port_range_min: number | null;
	readonly port_range_max: number | null;
	readonly remote_group_id: string | null;
	readonly remote_ip_prefix: string | null;
}

interface Port {
	readonly id: string;
	readonly name: string;
	readonly security_groups: readonly string[];
}

/** The ports of members by name, and the rules of their security groups by ID. */
export interface Snapshot {
	readonly ports: Readonly<Record<string, Port>>;
	readonly groups: Readonly<Record<string, { name: string; rules: readonly Rule[] }>>;
}

type Read = <Answer>(path: string) => Promise<Answer>;

async function neutron(): Promise<Read> {
	const { id: token } = await ask<{ id: string }>('token', 'issue');
	const catalog = await ask<{ endpoints: { interface: string; url: string }[] }>(
		'catalog',
		'show',
		'network',
	);
	const url = catalog.endpoints.find((endpoint) => endpoint.interface === 'public')?.url;
	return async (path) => {
		const answer = await fetch(`${url}/v2.0/${path}`, { headers: { 'X-Auth-Token': token } });
		if (!answer.ok) throw new Error(`${answer.status} to ${path}`);
		return answer.json() as never;
	};
}

/** Returns a function that reads a consistent snapshot; `undefined` while ports change. */
export async function snapshots(stack: string): Promise<() => Promise<Snapshot | undefined>> {
	const read = await neutron();
	const member = new RegExp(`^${stack}-(master|minion|gateway)-`);
	const ports = async () => {
		const { ports } = await read<{ ports: Port[] }>('ports?fields=id&fields=name&fields=security_groups');
		const found = ports.filter(({ name }) => member.test(name));
		return Object.fromEntries(found.map((port) => [port.name, port]));
	};
	return async () => {
		const before = await ports();
		const { security_groups } = await read<{
			security_groups: { id: string; name: string; security_group_rules: Rule[] }[];
		}>('security-groups');
		if (JSON.stringify(before) !== JSON.stringify(await ports())) return undefined;
		return {
			ports: before,
			groups: Object.fromEntries(
				security_groups.map(({ id, name, security_group_rules: rules }) => [id, { name, rules }]),
			),
		};
	};
}

/** Whether a port accepts a connection from another one, or from anywhere. */
export function allows(
	{ groups }: Snapshot,
	to: Port,
	from: Port | 'anywhere',
	protocol: string,
	number: number | null,
): boolean {
	const matches = (rule: Rule) =>
		rule.direction === 'ingress' &&
		(rule.protocol === null || rule.protocol === protocol) &&
		(rule.port_range_min === null ||
			(number !== null && rule.port_range_min <= number && number <= Number(rule.port_range_max))) &&
		(from === 'anywhere'
			? rule.remote_group_id === null && [null, '0.0.0.0/0'].includes(rule.remote_ip_prefix)
			: rule.remote_group_id !== null && from.security_groups.includes(rule.remote_group_id));
	return to.security_groups.some((id) => groups[id]?.rules.some(matches));
}

const isMaster = ({ name }: Port) => name.includes('-master-');
const isGateway = ({ name }: Port) => name.includes('-gateway-');

/** What a cluster needs and is not allowed, a line each. */
export function missing(snapshot: Snapshot): string[] {
	const ports = Object.values(snapshot.ports);
	const need = (to: Port, from: Port | 'anywhere', protocol: string, number: number | null) =>
		allows(snapshot, to, from, protocol, number)
			? []
			: [`${protocol} ${number ?? ''} ${from === 'anywhere' ? from : from.name} -> ${to.name}`];
	return ports.flatMap((to) => [
		...(isMaster(to) ? need(to, 'anywhere', 'tcp', 6443) : []),
		...(isGateway(to) ? need(to, 'anywhere', 'tcp', 80) : []),
		...ports.flatMap((from) => {
			if (from === to) return [];
			const pair = (isMaster(from) && isMaster(to)) || (isGateway(from) && isGateway(to));
			return [
				...need(to, from, 'tcp', 10250),
				...need(to, from, 'udp', 8472),
				...(isMaster(to) ? need(to, from, 'tcp', 6443) : need(to, from, 'tcp', 2379)),
				...(isMaster(from) && isMaster(to) ? need(to, from, 'tcp', 2380) : []),
				...(pair ? need(to, from, '112', null) : []),
			];
		}),
	]);
}

/** What a cluster does not need and is allowed, a line each. */
export function excess(snapshot: Snapshot): string[] {
	const ports = Object.values(snapshot.ports);
	const open = (to: Port, from: Port | 'anywhere', protocol: string, number: number | null) =>
		allows(snapshot, to, from, protocol, number)
			? [`${protocol} ${number ?? ''} ${from === 'anywhere' ? from : from.name} -> ${to.name}`]
			: [];
	return ports.flatMap((to) => [
		...[22, 179, 2379, 10250, 30000].flatMap((number) =>
			isGateway(to) && number === 2379 ? [] : open(to, 'anywhere', 'tcp', number),
		),
		...[68, 4789, 8285, 8472].flatMap((number) => open(to, 'anywhere', 'udp', number)),
		...ports
			.filter((from) => !isMaster(from))
			.flatMap((from) => [
				...(isMaster(to) ? [...open(to, from, 'tcp', 2379), ...open(to, from, 'tcp', 2380)] : []),
				...(isGateway(from) && isGateway(to) ? [] : open(to, from, '112', null)),
			]),
	]);
}

/**
 * Reads snapshots while `use` runs.
 *
 * @returns the result, how many snapshots there were, and what one of them does not allow
 */
export async function watching<Result>(
	stack: string,
	use: () => Promise<Result>,
): Promise<{ result: Result; seen: number; gaps: string[] }> {
	const read = await snapshots(stack);
	const gaps = new Set<string>();
	let seen = 0;
	let over = false;
	const rounds = (async () => {
		while (!over) {
			const snapshot = await read();
			if (snapshot !== undefined) {
				seen++;
				for (const gap of missing(snapshot)) gaps.add(gap);
			}
			await new Promise((resolve) => setTimeout(resolve, 200));
		}
	})();
	try {
		return { result: await use(), seen, gaps: [...gaps] };
	} finally {
		over = true;
		await rounds;
	}
}
