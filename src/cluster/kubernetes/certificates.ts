import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { callKubernetes, KubernetesApiError } from './api.ts';
import { parseKubeconfig } from './kubeconfig-file.ts';
import { certificateIn } from './operator-certificate.ts';

/** A certificate of a cluster, and when it expires. */
export interface CertificateEnd {
	/** `operator`, the name of a CA such as `etcd-ca`, or that of a file on a master such as `apiserver`. */
	readonly name: string;
	/** The node that has it; empty for the operator's and for CAs. */
	readonly node: string;
	readonly end: Date;
}

/** Where masters publish the ends of certificates: a value for each certificate, by `NAME.NODE`. */
const records = '/api/v1/namespaces/kube-system/configmaps/kstack-certificates';

const authorities = ['ca', 'etcd-ca', 'front-proxy-ca'];

export const isAuthority = (name: string) => authorities.includes(name);

const key = /^([a-z][a-z0-9-]{0,62})\.([a-z0-9][a-z0-9.-]{0,188})$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** A time in the form of Kubernetes, in UTC; `undefined` for other text, and for days that no month has. */
function parseTime(text: unknown): Date | undefined {
	if (typeof text !== 'string' || !time.test(text)) return undefined;
	const value = new Date(text);
	return !Number.isNaN(value.getTime()) && value.toISOString() === text.replace('Z', '.000Z')
		? value
		: undefined;
}

/**
 * Reads the records of the masters. All of them have the same CAs, which are listed once.
 *
 * @param data  the `data` of the ConfigMap: any JSON
 * @returns the certificates, and the keys of malformed records, which are skipped
 */
export function parseRecords(data: unknown): { ends: CertificateEnd[]; malformed: string[] } {
	const ends = new Map<string, CertificateEnd>();
	const malformed: string[] = [];
	if (typeof data !== 'object' || data === null || Array.isArray(data)) return { ends: [], malformed };
	for (const [where, text] of Object.entries(data)) {
		const [, name, node] = key.exec(where) ?? [];
		const end = parseTime(text);
		if (name === undefined || node === undefined || end === undefined || name === 'operator')
			malformed.push(where);
		else if (isAuthority(name)) ends.set(`${name} ${end.getTime()}`, { name, node: '', end });
		else ends.set(where, { name, node, end });
	}
	return { ends: [...ends.values()], malformed };
}

/** What the masters publish; nothing where their image is older than kstack 0.4. */
async function readRecords(kubeconfig: string): Promise<ReturnType<typeof parseRecords>> {
	try {
		const map: unknown = JSON.parse(await callKubernetes(kubeconfig, 'GET', records));
		return parseRecords((map as { data?: unknown } | null)?.data);
	} catch (error) {
		if (error instanceof KubernetesApiError && error.status === 404) return parseRecords({});
		throw error;
	}
}

/** The certificate with which the API server answers at its address; `undefined` if it does not answer. */
function servedEnd(kubeconfig: string): Promise<Date | undefined> {
	const { server, ca } = parseKubeconfig(kubeconfig);
	const { hostname, port } = new URL(server);
	return new Promise((resolve) => {
		const options = { host: hostname, port: Number(port || 443), ca: Buffer.from(ca, 'base64') };
		const socket = connect({ ...options, timeout: 10_000 }, () => {
			const end = socket.getPeerX509Certificate()?.validTo;
			socket.destroy();
			resolve(end === undefined ? undefined : new Date(end));
		});
		socket.on('timeout', () => socket.destroy());
		socket.on('error', () => resolve(undefined));
		socket.on('close', () => resolve(undefined));
	});
}

/** What a kubeconfig itself has: the operator's certificate, and the CA of the cluster. */
export function certificatesInKubeconfig(kubeconfig: string): CertificateEnd[] {
	const operator = certificateIn(kubeconfig);
	const found: CertificateEnd[] = [];
	if (operator !== undefined) found.push({ name: 'operator', node: '', end: operator.end });
	try {
		const ca = new X509Certificate(Buffer.from(parseKubeconfig(kubeconfig).ca, 'base64'));
		found.push({ name: 'ca', node: '', end: new Date(ca.validTo) });
	} catch {
		// The CA of a kubeconfig that was edited; the masters have it too.
	}
	return found;
}

/**
 * The certificates of a cluster that its API shows: what the masters publish, or from masters that do not, the one that
 * the API server has.
 *
 * @throws UserError when the API does not answer
 */
export async function publishedCertificates(
	kubeconfig: string,
): Promise<{ ends: CertificateEnd[]; malformed: string[] }> {
	const published = await readRecords(kubeconfig);
	if (published.ends.some(({ name }) => name === 'apiserver')) return published;
	const end = await servedEnd(kubeconfig);
	const served = end === undefined ? [] : [{ name: 'apiserver', node: '', end }];
	return { ...published, ends: [...published.ends, ...served] };
}
