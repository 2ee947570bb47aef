import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { load } from 'js-yaml';

interface Kubeconfig {
	clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
	users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

/** Sends a request to the Kubernetes API over a new connection, with a timeout in milliseconds: two seconds by default. */
export type Api = (method: string, path: string, body?: object, timeout?: number) => Promise<string>;

/** The API of a kubeconfig, for loops, in which a kubectl process for each request would be too slow. */
export async function apiOf(kubeconfig: string): Promise<Api> {
	const { clusters, users } = load(await readFile(kubeconfig, 'utf8')) as Kubeconfig;
	const [cluster, user] = [clusters[0]?.cluster, users[0]?.user];
	const data = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64');
	return (method, path, body, timeout = 2000) =>
		new Promise((resolve, reject) => {
			const call = request(
				new URL(path, cluster?.server),
				{
					method,
					agent: false,
					headers: { 'content-type': 'application/json' },
					ca: data(cluster?.['certificate-authority-data']),
					cert: data(user?.['client-certificate-data']),
					key: data(user?.['client-key-data']),
				},
				(answer) => {
					let text = '';
					answer.on('data', (chunk) => {
						text += String(chunk);
					});
					answer.on('end', () => {
						if ((answer.statusCode ?? 0) < 300) resolve(text);
						else reject(new Error(`${answer.statusCode} to ${method} ${path}`));
					});
					answer.on('error', reject);
				},
			);
			const timer = setTimeout(() => call.destroy(new Error(`no answer to ${method} ${path}`)), timeout);
			call.on('close', () => clearTimeout(timer));
			call.on('error', reject);
			call.end(body === undefined ? undefined : JSON.stringify(body));
		});
}
