import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { packImage } from '../../src/image/fetch/container-image.ts';
import { temporaryFolder } from './folders.ts';
import { output, tool } from './processes.ts';

const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
const manifest = 'application/vnd.docker.distribution.manifest.v2+json';

export const sha256 = (bytes: Buffer | string) =>
	`sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** An archive with an image of one file, made without a registry. */
export async function madeImage(reference: string, content: string): Promise<string> {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'rootfs'));
	await writeFile(path.join(folder, 'rootfs/hello'), content);
	await writeFile(path.join(folder, 'image.json'), JSON.stringify({ reference, config: {} }));
	await packImage(folder, path.join(folder, 'made.tar'));
	return path.join(folder, 'made.tar');
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as { port: number };
	server.close();
	await once(server, 'close');
	return port;
}

/** A real registry on this machine for one test, without TLS. */
export async function registry(t: ExecutionContext) {
	const program = tool('docker-registry', 'docker-registry');
	const folder = await temporaryFolder();
	const host = `127.0.0.1:${await freePort()}`;
	await writeFile(
		path.join(folder, 'config.yml'),
		`version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}}}\nhttp: {addr: ${host}}\n`,
	);
	const server = spawn(program, ['serve', path.join(folder, 'config.yml')], { stdio: 'ignore' });
	const end = async () => {
		if (server.exitCode !== null || server.signalCode !== null) return;
		server.kill();
		await once(server, 'exit');
	};
	t.teardown(end);
	const answers = () =>
		fetch(`http://${host}/v2/`).then(
			({ ok }) => ok,
			() => false,
		);
	while (!(await answers())) await setTimeout(50);

	const put = async (place: string, type: string, body: string) => {
		const headers = { 'Content-Type': type };
		const answer = await fetch(`http://${host}/v2/${place}`, { method: 'PUT', headers, body });
		if (!answer.ok) throw new Error(`${place}: ${await answer.text()}`);
		return sha256(body);
	};
	/** Adds an image for this platform only, with a manifest like Docker's; returns its digest. */
	const push = async (repository: string, tag: string, content: string) => {
		const archive = await madeImage('example.org/x:1', content);
		const target = `docker://${host}/${repository}:${tag}`;
		await output(tool('skopeo', 'skopeo'), [
			...['copy', '--quiet', '--format', 'v2s2', '--dest-tls-verify=false', `oci-archive:${archive}`, target],
		]);
		const headers = { Accept: manifest };
		const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { headers });
		const text = await answer.text();
		return { digest: sha256(text), size: text.length, text };
	};
	/** Adds the same image in a list with another platform; returns the list's digest. */
	const pushList = async (repository: string, tag: string, content: string) => {
		const { digest, size, text } = await push(repository, `${tag}-amd64`, content);
		const arm = `${text}\n`;
		const other = await put(`${repository}/manifests/${tag}-arm64`, manifest, arm);
		const entry = (digest: string, size: number, architecture: string) => ({
			...{ mediaType: manifest, digest, size },
			platform: { architecture, os: 'linux' },
		});
		const manifests = [entry(other, arm.length, 'arm64'), entry(digest, size, 'amd64')];
		// A newline at the end is part of what the digest is of.
		const body = `${JSON.stringify({ schemaVersion: 2, mediaType: list, manifests }, undefined, 2)}\n`;
		return { digest: await put(`${repository}/manifests/${tag}`, list, body), platform: digest };
	};
	return { host, address: `http://${host}`, push, pushList, end };
}
