// A FakeCluster as an API server, for programs that ask it without kubectl.
import { mkdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { type FakeCluster, podObject } from './fake-cluster.ts';
import { output, tool } from './processes.ts';

/** Creates in `pki` the CA, and the certificate of a program; it is the server's too. */
async function certificates(pki: string, program: string): Promise<void> {
	await mkdir(pki, { recursive: true });
	await output(tool('openssl', 'openssl'), [
		...[
			'req',
			'-x509',
			'-newkey',
			'ec',
			'-pkeyopt',
			'ec_paramgen_curve:prime256v1',
			'-nodes',
			'-subj',
			'/CN=test',
		],
		...['-addext', 'subjectAltName=DNS:kubernetes.default.svc'],
		...['-keyout', path.join(pki, `${program}.key`), '-out', path.join(pki, 'ca.crt')],
	]);
	await output('cp', [path.join(pki, 'ca.crt'), path.join(pki, `${program}.crt`)]);
}

const list = (items: readonly unknown[], resourceVersion = '1') => ({ metadata: { resourceVersion }, items });

/** A merge patch, or what else was sent. */
async function bodyOf(request: IncomingMessage): Promise<string> {
	let text = '';
	for await (const chunk of request.setEncoding('utf8')) text += chunk;
	return text;
}

/** Writes each change of a node, until the client ends the watch. */
function watch(cluster: FakeCluster, response: ServerResponse): void {
	let known = new Map<string, string>();
	let version = 1;
	const look = () => {
		const now = new Map([...cluster.nodes].map(([name, node]) => [name, JSON.stringify(node)]));
		const write = (type: string, text: string) => {
			const object = JSON.parse(text);
			object.metadata.resourceVersion = String(++version);
			response.write(`${JSON.stringify({ type, object })}\n`);
		};
		for (const [name, text] of now) if (known.get(name) !== text) write('MODIFIED', text);
		for (const [name, text] of known) if (!now.has(name)) write('DELETED', text);
		known = now;
	};
	const timer = setInterval(look, 10);
	response.on('close', () => clearInterval(timer));
	response.writeHead(200);
	response.flushHeaders();
	look();
}

type Answer = readonly [number, unknown];

const absent = (name: string): Answer => [404, { reason: 'NotFound', message: `"${name}" not found` }];

/** What the API answers, and changes. The cluster's own kubectl does it, where it knows how. */
function answer(cluster: FakeCluster, method: string, url: URL, body: string): Answer {
	const [name = '', last = ''] = url.pathname.split('/').slice(-2).reverse();
	const text = (...args: string[]) => {
		const { stdout } = cluster.kubectl(args) as { stdout?: string };
		return stdout ?? '';
	};
	if (last === 'nodes') {
		if (!cluster.nodes.has(name)) return absent(name);
		if (method === 'PATCH') text('patch', 'node', name, '-p', body);
		if (method === 'DELETE') text('delete', 'node', name);
		return [200, method === 'DELETE' ? {} : JSON.parse(text('get', 'node', name))];
	}
	if (last === 'leases') {
		if (method === 'PATCH') text('--namespace', 'kube-system', 'patch', 'lease', name, '-p', body);
		const holderIdentity = cluster.leases.get(name);
		return holderIdentity === undefined ? absent(name) : [200, { spec: { holderIdentity } }];
	}
	if (last === 'pods') {
		for (const [node, pods] of cluster.pods) {
			if (!pods.includes(name)) continue;
			cluster.pods.set(
				node,
				pods.filter((pod) => pod !== name),
			);
			cluster.done.push(`delete pod ${name} after ${JSON.parse(body).gracePeriodSeconds} s`);
		}
		return [200, {}];
	}
	switch (name) {
		case 'nodes':
			return [200, list([...cluster.nodes.values()])];
		case 'pods': {
			const node = url.searchParams.get('fieldSelector')?.replace('spec.nodeName=', '') ?? '';
			return [200, list((cluster.pods.get(node) ?? []).map(podObject))];
		}
		case 'volumeattachments':
			return [200, list(JSON.parse(text('get', 'volumeattachments')).items)];
	}
	throw new Error(`${method} ${url}: not known`);
}

/**
 * Starts an API server of the cluster, with which `program` on the node below `root` may talk.
 *
 * @returns its host and port
 */
export async function apiOf(
	t: ExecutionContext,
	cluster: FakeCluster,
	root: string,
	program: string,
): Promise<string> {
	const pki = path.join(root, 'etc/kubernetes/pki');
	await certificates(pki, program);
	const ca = await readFile(path.join(pki, 'ca.crt'));
	const key = await readFile(path.join(pki, `${program}.key`));
	const open = new Set<Socket>();
	const server = createServer({ ca, cert: ca, key, requestCert: true }, async (request, response) => {
		const url = new URL(request.url ?? '', 'https://test');
		if (!cluster.answers) return void request.socket.destroy();
		if (url.searchParams.has('watch')) return watch(cluster, response);
		const [status, value] = answer(cluster, request.method ?? '', url, await bodyOf(request));
		const text = JSON.stringify(value);
		response.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text);
	});
	server.on('secureConnection', (socket) => open.add(socket));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.teardown(() => {
		server.close();
		for (const socket of open) socket.destroy();
	});
	return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
