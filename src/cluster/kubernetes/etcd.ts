import { getOnce } from './api.ts';

/** What a master reports of its etcd member. */
export interface EtcdMember {
	/** The name of the master. */
	readonly name: string;
	/** Bytes of the database, and how many it may have. */
	readonly size: number;
	readonly quota: number;
	/** etcd's alarms, of all members: NOSPACE means that nothing can be written. */
	readonly alarms: readonly { readonly member: string; readonly alarm: string }[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
const isBytes = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isName = (value: unknown): value is string =>
	typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(value);

/** The state in a report of a master (`etcd_state.py`), or nothing if it is not in the form of one. */
export function parseEtcdMember(name: string, text: string): EtcdMember | undefined {
	let report: unknown;
	try {
		report = JSON.parse(text);
	} catch {
		return undefined;
	}
	if (!isObject(report) || !isBytes(report.size) || !isBytes(report.quota) || !Array.isArray(report.alarms))
		return undefined;
	const alarms = report.alarms.filter(
		(one): one is { member: string; alarm: string } =>
			isObject(one) && isName(one.member) && isName(one.alarm),
	);
	if (alarms.length !== report.alarms.length) return undefined;
	return {
		name,
		size: report.size,
		quota: report.quota,
		alarms: alarms.map(({ member, alarm }) => ({ member, alarm })),
	};
}

/**
 * The etcd members, as their masters report them in a file that the kubelet shows: while etcd is full, nothing can be
 * written to the API. A master without a report, such as one of an older image, is left out.
 *
 * @param masters  names of Nodes that are Ready
 */
export async function readEtcdMembers(
	kubeconfig: string,
	masters: readonly string[],
): Promise<readonly EtcdMember[]> {
	const members = await Promise.all(
		masters.map(async (name) => {
			const where = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/logs/kstack/etcd.json`;
			const text = await getOnce(kubeconfig, where).catch(() => '');
			return parseEtcdMember(name, text);
		}),
	);
	return members.filter((member) => member !== undefined);
}

const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);

/** What is wrong with etcd: each alarm once, and the databases that are nearly full. */
export function etcdWarnings(members: readonly EtcdMember[]): string[] {
	const alarms = members.flatMap((one) =>
		one.alarms.map(({ member, alarm }) => `etcd alarm ${alarm} on ${member}: see docs/etcd.md`),
	);
	const large = members.filter(({ size, quota }) => size > 0.8 * quota);
	return [
		...new Set(alarms),
		...large.map(
			({ name, size, quota }) =>
				`etcd on ${name} has ${gibibytes(size)} of ${gibibytes(quota)} GiB: see docs/etcd.md`,
		),
	];
}
