import { get } from 'node:http';
import { connect } from 'node:net';
import { eventually } from './cloud.ts';

/** Requests a page over a new connection, with a timeout of three seconds. */
export const requestTo = (host: string, port: number) => () =>
	new Promise<void>((resolve, reject) => {
		const call = get({ host, port, agent: false, timeout: 3000 }, (answer) => {
			answer.resume();
			answer.on('end', () =>
				answer.statusCode === 200 ? resolve() : reject(new Error(`answer ${answer.statusCode}`)),
			);
			answer.on('error', reject);
		});
		call.on('timeout', () => call.destroy(new Error('no answer within 3 s')));
		call.on('error', reject);
	});

/** The result of a conversation over one connection. */
export interface Conversation {
	/** Lines sent, of which the last one was repeated by the server. */
	readonly sent: number;
	/** Why the connection ended too early; absent if it did not. */
	readonly ended?: string;
}

/** Sends lines over one connection to an echo server while `use` runs. */
export async function conversation(
	host: string,
	port: number,
	use: () => Promise<void>,
): Promise<Conversation> {
	const socket = connect({ host, port });
	let sent = 0;
	let received = '';
	let ended: string | undefined;
	socket.on('data', (data) => {
		received += String(data);
	});
	socket.on('error', (error) => {
		ended = error.message;
	});
	socket.on('end', () => {
		ended ??= 'closed';
	});
	const talk = setInterval(() => socket.write(`${sent++}\n`), 500);
	try {
		await use();
		const last = sent;
		await eventually(20, async () => {
			if (!received.includes(`\n${last}\n`))
				throw new Error(ended ?? `no answer after ${received.slice(-20)}`);
		});
	} finally {
		clearInterval(talk);
		socket.destroy();
	}
	return ended === undefined ? { sent } : { sent, ended };
}
