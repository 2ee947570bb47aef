import { get } from 'node:http';
import { connect } from 'node:net';
import { eventually } from './cloud.ts';

/** Asks for a page over a connection of its own; three seconds are its time. */
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

/** How a conversation over one connection went. */
export interface Conversation {
	readonly said: number;
	/** Why the connection ended before its time; absent when it did not. */
	readonly ended?: string;
}

/** Talks over one connection to a server that repeats what it hears, as long as `use` runs. */
export async function conversation(
	host: string,
	port: number,
	use: () => Promise<void>,
): Promise<Conversation> {
	const socket = connect({ host, port });
	let said = 0;
	let heard = '';
	let ended: string | undefined;
	socket.on('data', (data) => {
		heard += String(data);
	});
	socket.on('error', (error) => {
		ended = error.message;
	});
	socket.on('end', () => {
		ended ??= 'closed';
	});
	const talk = setInterval(() => socket.write(`${said++}\n`), 500);
	try {
		await use();
		const last = said;
		await eventually(20, async () => {
			if (!heard.includes(`\n${last}\n`)) throw new Error(ended ?? `silence after ${heard.slice(-20)}`);
		});
	} finally {
		clearInterval(talk);
		socket.destroy();
	}
	return ended === undefined ? { said } : { said, ended };
}
