import type { StackDirectory } from '../heat/directory.ts';
import { type Member, membersOf } from '../heat/members.ts';
import type { Stack } from '../heat/stack.ts';
import { isAddress } from '../spec/cidr.ts';
import { hasMemberRecords, imageSupport } from '../spec/contracts.ts';
import { generationsOf } from '../spec/generations.ts';
import { callKubernetes, KubernetesApiError } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';

/** The ConfigMap with what masters know of each member from Heat (records.py in the image), which masters create. */
const configMap = '/api/v1/namespaces/kube-system/configmaps/kstack-members';

/** The records by the names of members, each as JSON. */
type Records = Readonly<Record<string, string>>;

interface MemberRecord {
	readonly address?: unknown;
	readonly server?: unknown;
	/** When the masters approved the join token of the member. */
	readonly since?: unknown;
}

function parse(text: string | undefined): MemberRecord {
	try {
		const value: unknown = JSON.parse(text ?? '{}');
		return typeof value === 'object' && value !== null ? value : {};
	} catch {
		return {};
	}
}

const isComplete = ({ address, server }: Member) =>
	isAddress(address) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(server);

/** The records of members whose address or server the masters do not know, or know another of. */
export function changedRecords(members: readonly Member[], known: Records): Records {
	const changed = members.filter(isComplete).flatMap(({ name, address, server }) => {
		const record = parse(known[name]);
		if (record.address === address && record.server === server) return [];
		// Another address is that of a member which had the name before.
		const { since } = record.address === address ? record : {};
		return [[name, JSON.stringify({ address, server, ...(since === undefined ? {} : { since }) })]];
	});
	return Object.fromEntries(changed);
}

/**
 * The records that the masters of a cluster lack.
 *
 * @returns no records without a kubeconfig, and for masters of images that have no such records
 * @throws UserError when the API does not answer
 */
export async function missingRecords(stack: Stack, directory: StackDirectory): Promise<Records> {
	const { contractOf } = imageSupport(stack.parameters);
	const { previous } = generationsOf(stack.parameters);
	const masters = [
		contractOf('master', ''),
		...(previous === null ? [] : [contractOf('master', 'previous_')]),
	];
	if (!hasMemberRecords(masters)) return {};
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig === undefined) return {};
	try {
		const { data = {} } = JSON.parse(await callKubernetes(kubeconfig, 'GET', configMap)) as {
			data?: Records;
		};
		return changedRecords(membersOf(stack), data);
	} catch (error) {
		if (error instanceof KubernetesApiError && error.status === 404) return {};
		throw error;
	}
}

/** Stores records of members. */
export async function storeRecords(stack: Stack, directory: StackDirectory, records: Records): Promise<void> {
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig !== undefined) await callKubernetes(kubeconfig, 'PATCH', configMap, { data: records });
}
