import { table } from '../base/table.ts';
import type { Certificates } from '../cluster/operations/certificates.ts';

/** The certificates of a cluster as text. */
export function certificatesText({ certificates, warnings, kubernetesError }: Certificates): string {
	const rows = certificates.map(({ name, node, expires, days, renewedBy }) => [
		name,
		node === '' ? '-' : node,
		`${expires.slice(0, 10)} ${expires.slice(11, 16)} UTC`,
		days < 0 ? 'expired' : `${days}d`,
		renewedBy,
	]);
	return [
		table(['CERTIFICATE', 'NODE', 'EXPIRES', 'LEFT', 'RENEWED BY'], rows),
		...(kubernetesError === undefined ? [] : [`Kubernetes API not queried: ${kubernetesError}`]),
		...warnings.map((warning) => `Warning: ${warning}`),
	].join('\n');
}
