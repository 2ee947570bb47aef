import { ask, eventually, inNode, openstack } from './cloud.ts';
import { imageId } from './image.ts';

/** Prints the TCP ports of an address that accept connections. A filtered port does not answer, so many are tried at once. */
const program = `
import asyncio, sys
async def is_open(port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(sys.argv[1], port), 3)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True
async def main():
    found = []
    for first in range(1, 65536, 16384):
        ports = range(first, min(first + 16384, 65536))
        for port, answers in zip(ports, await asyncio.gather(*map(is_open, ports))):
            if answers:
                found.append(str(port))
    print(' '.join(found))
asyncio.run(main())
`;

/** A server in the network of a cluster that is not a member of it. */
export class Outsider {
	readonly #name: string;

	private constructor(name: string) {
		this.#name = name;
	}

	/** Creates it in the network of this name, with Neutron's default security group. */
	static async in(network: string): Promise<Outsider> {
		const name = `${network}-outsider`;
		await openstack(
			...['server', 'create', '--wait', '--image', await imageId(), '--flavor', 'k8s.minion'],
			...['--network', network, '--security-group', 'default', name],
		);
		await eventually(60, async () => {
			const { code } = await inNode(name, 'ip', 'route', 'get', '192.0.2.1');
			if (code !== 0) throw new Error(`${name} has no route`);
		});
		return new Outsider(name);
	}

	/** The open TCP ports of an address. */
	async openPorts(address: string): Promise<number[]> {
		const scan = ['bash', '-c', `ulimit -n 20000; exec python3 -c "$0" "$1"`, program, address];
		const { code, stdout, stderr } = await inNode(this.#name, ...scan);
		if (code !== 0) throw new Error(stderr);
		return stdout.split(/\s+/).filter(Boolean).map(Number);
	}

	/** Deletes it. */
	async end(): Promise<void> {
		const found = await ask<{ ID: string }[]>('server', 'list', '--name', `^${this.#name}$`);
		if (found.length > 0) await openstack('server', 'delete', '--wait', ...found.map(({ ID }) => ID));
	}
}
