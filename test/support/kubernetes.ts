import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { kubeconfigText } from '../../src/cluster/kubernetes/kubeconfig-file.ts';
import { temporaryFolder } from './folders.ts';
import { output, tool } from './processes.ts';

/** A fake API server, which requires a client certificate of its CA, and its kubeconfig. */
export interface FakeKubernetes {
	readonly url: string;
	readonly kubeconfig: string;
	/** Method and path of each request, and the name in the client's certificate. */
	readonly asked: string[];
	/** The bodies of requests with a body. */
	readonly sent: string[];
	/** The certificate of its CA, as PEM, and the files of it and its key. */
	readonly ca: { readonly pem: string; readonly certificate: string; readonly key: string };
	close(): void;
}

/** A Node object with the fields that kstack reads. */
export const nodeObject = (name: string, ready = true, labels: Record<string, string> = {}) => ({
	metadata: { name, labels },
	status: {
		conditions: [
			{ type: 'MemoryPressure', status: 'False' },
			{ type: 'Ready', status: ready ? 'True' : 'False' },
		],
		nodeInfo: { kubeletVersion: 'v1.20.2' },
		addresses: [
			{ type: 'Hostname', address: name },
			{ type: 'InternalIP', address: '10.0.0.11' },
		],
	},
});

async function certificates(days: number, group = 'kstack:operators') {
	const folder = await temporaryFolder();
	const file = (name: string) => path.join(folder, name);
	const openssl = (...args: string[]) => output(tool('openssl', 'openssl'), args);
	const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
	await openssl(
		'req',
		'-x509',
		...newKey,
		'-keyout',
		file('ca.key'),
		'-subj',
		'/CN=ca',
		'-days',
		'3653',
		'-out',
		file('ca.crt'),
	);
	const server = ['-keyout', file('server.key'), '-out', file('server.crt'), '-subj', '/CN=server'];
	const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-days', '365'];
	await openssl('req', '-x509', ...newKey, ...signed, ...server, '-addext', 'subjectAltName=IP:127.0.0.1');
	const subject = ['-subj', `/O=${group}/CN=operator`];
	await openssl('req', ...newKey, '-keyout', file('operator.key'), '-out', file('operator.csr'), ...subject);
	// Of the commands of openssl, only this one makes a certificate that has expired.
	const config = `[ca]\ndefault_ca=a\n[a]\nnew_certs_dir=${folder}\ndatabase=${file('index')}\nserial=${file('serial')}\ndefault_md=sha256\npolicy=b\n[b]\nO=supplied\nCN=supplied\n`;
	await writeFile(file('ca.cnf'), config);
	await writeFile(file('index'), '');
	await writeFile(file('serial'), '01\n');
	const time = (day: number) =>
		new Date(Date.now() + day * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
	const dates = ['-startdate', time(Math.min(-1, days - 1)), '-enddate', time(days)];
	const authority = ['-cert', file('ca.crt'), '-keyfile', file('ca.key'), '-preserveDN'];
	const files = ['-in', file('operator.csr'), '-out', file('operator.crt')];
	await openssl('ca', '-batch', '-notext', '-config', file('ca.cnf'), ...authority, ...dates, ...files);
	return { read: (name: string) => readFile(file(name)), file };
}

/** The PEM of a certificate that has expired. */
export async function expiredCertificate(): Promise<string> {
	const { read } = await certificates(-1);
	return (await read('operator.crt')).toString();
}

type Answer = readonly [number, unknown];

export type FakeAnswers = Readonly<Record<string, Answer | ((sent: readonly string[]) => Answer)>>;

/**
 * Starts one; `answers` are status and body by method and path, or functions of the bodies sent so far. A name that
 * kstack makes up, of 16 hexadecimal digits, is `RANDOM` in a path.
 *
 * @param days   for how long the operator's certificate is valid
 * @param group  that of the operator
 */
export async function fakeKubernetes(
	answers: FakeAnswers,
	days = 365,
	group = 'kstack:operators',
): Promise<FakeKubernetes> {
	const { read, file } = await certificates(days, group);
	const asked: string[] = [];
	const sent: string[] = [];
	const server = createServer(
		{
			key: await read('server.key'),
			cert: await read('server.crt'),
			ca: await read('ca.crt'),
			requestCert: true,
			rejectUnauthorized: true,
		},
		(request, response) => {
			const what = `${request.method} ${request.url}`;
			asked.push(`${what} by ${(request.socket as TLSSocket).getPeerCertificate().subject.CN}`);
			const chunks: Buffer[] = [];
			request.on('data', (chunk: Buffer) => chunks.push(chunk));
			request.on('end', () => {
				if (chunks.length > 0) sent.push(Buffer.concat(chunks).toString());
				const known = answers[what.replace(/[0-9a-f]{16}/, 'RANDOM')] ?? [404, { kind: 'Status', code: 404 }];
				const [status, body] = typeof known === 'function' ? known(sent) : known;
				response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
			});
		},
	);
	const open = new Set<Duplex>();
	server.on('connection', (socket) => open.add(socket));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const base64 = async (name: string) => (await read(name)).toString('base64');
	return {
		url,
		asked,
		sent,
		ca: { pem: (await read('ca.crt')).toString(), certificate: file('ca.crt'), key: file('ca.key') },
		kubeconfig: kubeconfigText('demo', url, {
			ca: await base64('ca.crt'),
			certificate: await base64('operator.crt'),
			key: await base64('operator.key'),
		}),
		close: () => {
			server.close();
			for (const socket of open) socket.destroy();
		},
	};
}
