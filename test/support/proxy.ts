// An HTTP proxy in the test's process, through which programs reach Debian's mirror.
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { ExecutionContext } from 'ava';

export interface Proxy {
	readonly address: string;
	/** Its requests, with the user agent: `curl/7.88.1 HEAD http://…`. */
	readonly asked: string[];
}

/**
 * Starts a proxy, until the test's end.
 *
 * @param answers  whether it still answers, asked at each request with all that it was asked for so far
 */
export async function startProxy(
	t: ExecutionContext,
	answers: (asked: readonly string[]) => boolean = () => true,
): Promise<Proxy> {
	const asked: string[] = [];
	const agent = new Agent({ keepAlive: true });
	const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
		asked.push(`${incoming.headers['user-agent']} ${incoming.method} ${incoming.url}`);
		if (!answers(asked)) return void incoming.socket.destroy();
		const { method, headers, url } = incoming;
		const onward = request(url as string, { agent, method: method as string, headers }, (answer) => {
			response.writeHead(answer.statusCode as number, answer.headers);
			pipeline(answer, response, () => {});
		});
		onward.on('error', () => response.destroy());
		pipeline(incoming, onward, () => {});
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
		agent.destroy();
	});
	return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
