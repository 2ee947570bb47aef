import { load } from 'js-yaml';
import { UserError, usageError } from '../../base/errors.ts';

/** The first cluster and the first user of a kubeconfig; certificates and key are base64 of PEM. */
interface Access {
	readonly server: string;
	readonly ca: string;
	readonly certificate: string;
	readonly key: string;
}

const base64Form = /^[A-Za-z0-9+/]+={0,2}$/;
const endpointForm = /^https:\/\/[\w.:[\]-]+\/?$/;

/**
 * The text of a kubeconfig for one operator of one cluster. The first master chose the CA and the certificate: they must
 * not add keys to the file, such as a command that kubectl would run.
 *
 * @throws UserError code `invalid-certificate` unless they are base64 and the endpoint is an https URL without a path
 */
export function kubeconfigText(
	name: string,
	endpoint: string,
	base64: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
	const wrong = Object.entries(base64).filter(([, value]) => !base64Form.test(value));
	if (wrong.length > 0 || !endpointForm.test(endpoint)) {
		const what = [...wrong.map(([key]) => key), ...(endpointForm.test(endpoint) ? [] : ['endpoint'])];
		throw new UserError(
			`The stack ${name} has invalid values for a kubeconfig: ${what.join(', ')}. Its masters may be compromised.`,
			{ code: 'invalid-certificate' },
		);
	}
	const quoted = JSON.stringify(name); // otherwise YAML reads a cluster named "null" as no value
	return `apiVersion: v1
kind: Config
clusters:
- name: ${quoted}
  cluster:
    server: ${endpoint}
    certificate-authority-data: ${base64.ca}
users:
- name: ${quoted}
  user:
    client-certificate-data: ${base64.certificate}
    client-key-data: ${base64.key}
contexts:
- name: ${quoted}
  context:
    cluster: ${quoted}
    user: ${quoted}
current-context: ${quoted}
`;
}

/**
 * Reads the first cluster and user of a kubeconfig.
 *
 * @param file  its name in error messages
 * @throws UserError exit code 2, `bad-kubeconfig`, when it is invalid, or has paths or tokens instead of certificates
 */
export function parseKubeconfig(text: string, file = 'The kubeconfig'): Access {
	const bad = (why: string) =>
		usageError(
			`${file} cannot be used: ${why}.`,
			'Restore the file that kstack wrote, or create a new one: kstack kubeconfig.',
			'bad-kubeconfig',
		);
	let config: unknown;
	try {
		config = load(text);
	} catch {
		throw bad('it is not YAML');
	}
	const first = (list: string, item: string) => {
		const entries = (config as Record<string, unknown> | null | undefined)?.[list];
		const entry: unknown = Array.isArray(entries) ? entries[0]?.[item] : undefined;
		return (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
	};
	const [cluster, user] = [first('clusters', 'cluster'), first('users', 'user')];
	const required = (from: Record<string, unknown>, key: string) => {
		const value = from[key];
		if (typeof value !== 'string' || value === '') throw bad(`it has no ${key}`);
		return value;
	};
	const server = required(cluster, 'server');
	if (!/^https:/.test(server) || !URL.canParse(server))
		throw bad(`its server "${server}" is not an https URL`);
	return {
		server,
		ca: required(cluster, 'certificate-authority-data'),
		certificate: required(user, 'client-certificate-data'),
		key: required(user, 'client-key-data'),
	};
}
