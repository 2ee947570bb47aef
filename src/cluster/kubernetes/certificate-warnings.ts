import { type CertificateEnd, isAuthority } from './certificates.ts';

const day = 86_400_000;

/** Who renews a kind of certificate, and how many days before its end it is late. */
interface Renewal {
	readonly by: string;
	readonly warnDays: number;
}

const renewals = {
	operator: { by: 'kstack, in the last 60 days', warnDays: 60 },
	authority: { by: 'nobody: see docs/certificates.md', warnDays: 730 },
	kubelet: { by: 'the kubelet', warnDays: 30 },
	master: { by: 'the master, in the last 90 days', warnDays: 60 },
} as const satisfies Readonly<Record<string, Renewal>>;

type Kind = keyof typeof renewals;

function kindOf({ name }: CertificateEnd): Kind {
	if (name === 'operator') return 'operator';
	if (isAuthority(name)) return 'authority';
	return name.startsWith('kubelet-') ? 'kubelet' : 'master';
}

/** Who renews it. */
export const renewedBy = (certificate: CertificateEnd): string => renewals[kindOf(certificate)].by;

/** Whole days until the end; negative after it. */
export const daysLeft = ({ end }: CertificateEnd, now: Date) =>
	Math.floor((end.getTime() - now.getTime()) / day);

const dayOf = (time: Date) => time.toISOString().slice(0, 10);

/** Certificates of one kind and of one node. */
function warning(cluster: string, kubeconfig: string, group: readonly CertificateEnd[], now: Date): string {
	const { name, node, end } = group[0] as CertificateEnd;
	const expires = `${end < now ? 'expired' : 'expires'} on ${dayOf(end)}.`;
	const kind = kindOf({ name, node, end });
	if (kind === 'operator')
		return `The operator's certificate in ${kubeconfig} ${expires} Renew it with: kstack kubeconfig ${cluster}`;
	if (kind === 'authority')
		return `The CA "${name}" ${expires} This release of kstack cannot replace a CA. Before then, use a release that can, or move to a new cluster.`;
	const names = group.map((one) => one.name).join(', ');
	const what = `Certificates of ${node === '' ? 'the masters' : node} were not renewed: ${names}. The first ${expires}`;
	if (node === '') return `${what} On each master, see: journalctl -u kstack-renew`;
	const unit = kind === 'kubelet' ? 'kubelet' : 'kstack-renew';
	return `${what} On the node, see: journalctl -u ${unit}. Or replace it: kstack replace ${cluster} ${node}`;
}

/**
 * Warnings of certificates that expire soon and should have been renewed by then, with what to do: one for the
 * operator's, for each CA, and for each node. The earliest is first.
 *
 * @param kubeconfig  the file with the operator's certificate
 */
export function certificateWarnings(
	cluster: string,
	kubeconfig: string,
	certificates: readonly CertificateEnd[],
	now: Date,
): string[] {
	const late = certificates
		.filter((one) => one.end.getTime() - now.getTime() <= renewals[kindOf(one)].warnDays * day)
		.sort((one, other) => one.end.getTime() - other.end.getTime());
	const groups = new Map<string, CertificateEnd[]>();
	for (const one of late) {
		const kind = kindOf(one);
		const key = kind === 'authority' ? `${one.name} ${one.end.getTime()}` : `${kind} ${one.node}`;
		groups.set(key, [...(groups.get(key) ?? []), one]);
	}
	return [...groups.values()].map((group) => warning(cluster, kubeconfig, group, now));
}
