import { json, list, show } from '../../openstack/client.ts';
import type { UploadedImage } from './uploaded.ts';

/** A resource of the project that may use an image, with all values that may refer to one. */
export interface User {
	/** Such as `stack demo`. */
	readonly name: string;
	readonly values: readonly string[];
}

/** Concurrent requests: each is a separate process. */
const atOnce = 4;

/** Runs a few requests concurrently; returns the results in their order. */
export async function ask<One, Answer>(
	about: readonly One[],
	question: (one: One) => Promise<Answer>,
): Promise<Answer[]> {
	const answers: Answer[] = [];
	for (let next = 0; next < about.length; next += atOnce)
		answers.push(...(await Promise.all(about.slice(next, next + atOnce).map(question))));
	return answers;
}

async function serversOf(): Promise<User[]> {
	const servers = await list(['server'], '--no-name-lookup', '--limit', '-1');
	return servers.map((server) => ({ name: `server ${server.Name}`, values: [JSON.stringify(server)] }));
}

/** A stack needs the images in its parameters for new members, and for a rollback. */
async function stacksOf(): Promise<User[]> {
	const stacks = await list(['stack']);
	return ask(stacks, async (stack) => {
		const shown = await show(['stack'], String(stack.ID));
		return {
			name: `stack ${stack['Stack Name']}`,
			values: Object.values((shown?.parameters ?? {}) as object).map(String),
		};
	});
}

/** The servers and stacks of the project. */
export async function usersOfImages(): Promise<User[]> {
	const [servers, stacks] = await Promise.all([serversOf(), stacksOf()]);
	return [...servers, ...stacks];
}

/** The resources that refer to an image, by its ID or by its name. */
export function usersOf({ id, glanceName }: UploadedImage, users: readonly User[]): string[] {
	return users
		.filter(({ values }) => values.some((value) => value.includes(id) || value === glanceName))
		.map(({ name }) => name);
}

/** The projects that an image is shared with. */
export async function membersOf({ id, visibility }: UploadedImage): Promise<string[]> {
	if (visibility !== 'shared') return [];
	const members = await json<Record<string, unknown>[]>(['image', 'member', 'list', id]);
	return members.map((member) => `project ${member['Member ID']}`);
}
