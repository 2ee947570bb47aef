import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from './folders.ts';
import { output, runToEnd } from './processes.ts';

/** Folder with containerd and ctr: of this machine, or unpacked from Debian's package without installing it. */
async function programs(): Promise<string> {
	if (existsSync('/usr/bin/containerd')) return '/usr/bin';
	const folder = await temporaryFolder();
	await output('apt-get', ['--quiet=2', '-o', 'APT::Sandbox::User=root', 'download', 'containerd'], {
		cwd: folder,
	});
	const [archive] = await readdir(folder);
	await output('dpkg-deb', ['--extract', path.join(folder, archive as string), folder]);
	return path.join(folder, 'usr/bin');
}

/** A short field of protobuf: number, length and bytes. */
const field = (number: number, bytes: Buffer) =>
	Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);

/** A real containerd, with its store in a folder, for one test. */
export async function containerd(t: ExecutionContext) {
	const folder = await temporaryFolder();
	const bin = await programs();
	const socket = path.join(folder, 'c.sock');
	await mkdir(path.join(folder, 'cni'));
	await writeFile(
		path.join(folder, 'config.toml'),
		`version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "${socket}"
[ttrpc]
address = "${folder}/t.sock"
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "${folder}/cni"
`,
	);
	const server = spawn(path.join(bin, 'containerd'), ['--config', path.join(folder, 'config.toml')], {
		stdio: 'ignore',
	});
	t.teardown(async () => {
		server.kill();
		await once(server, 'exit');
	});
	const env = { CONTAINERD_ADDRESS: socket, PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` };
	const answers = async () => (await runToEnd('ctr', ['version'], { env })).code === 0;
	while (!(await answers())) await setTimeout(200);

	/** The kubelet's request before a pull: the image's ID, or nothing if the runtime does not have it. */
	const imageStatus = async (reference: string): Promise<string> => {
		const client = connect('http://localhost', { createConnection: () => connectSocket(socket) });
		try {
			const stream = client.request({
				':method': 'POST',
				':path': '/runtime.v1.ImageService/ImageStatus',
				'content-type': 'application/grpc',
				te: 'trailers',
			});
			const message = field(1, field(1, Buffer.from(reference)));
			const head = Buffer.alloc(5);
			head.writeUInt32BE(message.length, 1);
			stream.end(Buffer.concat([head, message]));
			return /sha256:[0-9a-f]{64}/.exec((await buffer(stream)).toString('latin1'))?.[0] ?? '';
		} finally {
			client.close();
		}
	};
	return { env, imageStatus };
}
