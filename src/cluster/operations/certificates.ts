import { UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { stackDirectory } from '../heat/directory.ts';
import { requireStack } from '../heat/stack.ts';
import { certificateWarnings, daysLeft, renewedBy } from '../kubernetes/certificate-warnings.ts';
import {
	type CertificateEnd,
	certificatesInKubeconfig,
	publishedCertificates,
} from '../kubernetes/certificates.ts';
import { presentKubeconfig, requireValidCertificate } from '../kubernetes/kubeconfig.ts';

/** The certificates of a cluster. */
export interface Certificates {
	readonly name: string;
	readonly certificates: readonly {
		readonly name: string;
		/** The node that has it; empty for the operator's and for CAs. */
		readonly node: string;
		/** When it expires, in UTC: `2027-11-30T12:00:00Z`. */
		readonly expires: string;
		/** Whole days until then; negative after it. */
		readonly days: number;
		readonly renewedBy: string;
	}[];
	readonly warnings: readonly string[];
	/** Why the Kubernetes API was not queried; absent when it was. */
	readonly kubernetesError?: string;
}

/** What masters publish, with a message of records that are malformed. */
export async function readPublished(kubeconfig: string): Promise<CertificateEnd[]> {
	const { ends, malformed } = await publishedCertificates(kubeconfig);
	if (malformed.length > 0)
		say(
			`Warning: ${malformed.length} malformed records in the ConfigMap kube-system/kstack-certificates were skipped.`,
		);
	return ends;
}

/** Each certificate once: the CA of the cluster is in the kubeconfig and on the masters. */
function sorted(certificates: readonly CertificateEnd[]): CertificateEnd[] {
	const all = new Map(certificates.map((one) => [`${one.node} ${one.name} ${one.end.getTime()}`, one]));
	const rank = ({ name, node }: CertificateEnd) => (name === 'operator' ? 0 : node === '' ? 1 : 2);
	return [...all.values()].sort(
		(one, other) =>
			rank(one) - rank(other) ||
			one.node.localeCompare(other.node, 'en', { numeric: true }) ||
			one.name.localeCompare(other.name, 'en'),
	);
}

/**
 * `kstack certificates`: when the certificates of a cluster expire.
 *
 * @throws UserError `no-kubeconfig`
 */
export async function clusterCertificates(name: string, now = new Date()): Promise<Certificates> {
	const [directory, stack] = [await stackDirectory(name), await requireStack(name)];
	const kubeconfig = await presentKubeconfig(directory, stack);
	if (kubeconfig === undefined)
		throw new UserError(`There is no ${directory.kubeconfig}, which kstack needs to read the certificates.`, {
			code: 'no-kubeconfig',
			hint: `Fetch it first: kstack kubeconfig ${name}`,
		});
	let kubernetesError: string | undefined;
	let published: CertificateEnd[] = [];
	try {
		requireValidCertificate(kubeconfig, directory.kubeconfig, name);
		published = await readPublished(kubeconfig);
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		kubernetesError = error.message;
	}
	const all = sorted([...certificatesInKubeconfig(kubeconfig), ...published]);
	return {
		name,
		certificates: all.map((one) => ({
			name: one.name,
			node: one.node,
			expires: `${one.end.toISOString().slice(0, 19)}Z`,
			days: daysLeft(one, now),
			renewedBy: renewedBy(one),
		})),
		warnings: certificateWarnings(name, directory.kubeconfig, all, now),
		...(kubernetesError === undefined ? {} : { kubernetesError }),
	};
}
