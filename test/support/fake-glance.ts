// A fake OpenStack client with images, servers and stacks, for the commands that kimg uses.
import { createHash } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { type Answer, programsOn } from './fake-programs.ts';
import { temporaryFolder } from './folders.ts';
import { systemPath } from './processes.ts';

export interface FakeImage {
	readonly id: string;
	readonly name: string;
	readonly status: string;
	readonly size: number;
	readonly owner: string;
	readonly created_at: string;
	readonly visibility: string;
	readonly protected: boolean;
	readonly tags: readonly string[];
	readonly properties: Readonly<Record<string, string>>;
	/** Further arguments of `image create`. */
	readonly asked: readonly string[];
}

export interface FakeGlance {
	readonly images: FakeImage[];
	readonly servers: object[];
	/** Parameters of the stacks by their names. */
	readonly stacks: Record<string, Readonly<Record<string, string>>>;
	/** The part of an upload that arrives. */
	content: Buffer;
	/** An upload ends after this. */
	whole: Promise<void>;
	readonly env: NodeJS.ProcessEnv;
}

/** An image of the project, as kimg uploads it; its ID ends with the second of its creation. */
export const uploaded = (id: string, name: string, more: Partial<FakeImage> = {}): FakeImage => ({
	...{ id, name, status: 'active', size: 10, owner: 'own', created_at: `2026-01-01T00:00:0${id.at(-1)}Z` },
	...{ visibility: 'shared', protected: false, tags: ['kimg'], properties: {}, asked: [] },
	...more,
});

const json = (value: unknown): Answer => ({ stdout: `${JSON.stringify(value)}\n` });

/** The values of an option that can be repeated. */
const values = (args: readonly string[], option: string) =>
	args.flatMap((word, index) => (args[index - 1] === option ? [word] : []));

async function create(glance: FakeGlance, args: readonly string[]): Promise<Answer> {
	const [id = ''] = values(args, '--id');
	const properties = values(args, '--property').map((word) => word.split(/=(.*)/s).slice(0, 2));
	const startUpgrade = uploaded(id, args.at(-1) as string, {
		...{ status: 'saving', size: 0, created_at: new Date().toISOString(), asked: args },
		...{ tags: values(args, '--tag'), properties: Object.fromEntries(properties) },
	});
	const index = glance.images.push(startUpgrade) - 1;
	await glance.whole;
	glance.images[index] = {
		...startUpgrade,
		status: 'active',
		size: glance.content.length,
		properties: {
			...startUpgrade.properties,
			os_hash_algo: 'sha512',
			os_hash_value: createHash('sha512').update(glance.content).digest('hex'),
		},
	};
	return json({ id });
}

function listed({ images }: FakeGlance, args: readonly string[]): Answer {
	const wanted = (image: FakeImage) =>
		values(args, '--tag').every((tag) => image.tags.includes(tag)) &&
		values(args, '--name').every((name) => image.name === name) &&
		values(args, '--status').every((status) => image.status === status) &&
		values(args, '--property').every((word) => {
			const [key = '', value] = word.split(/=(.*)/s);
			return image.properties[key] === value;
		});
	const newestFirst = (a: FakeImage, b: FakeImage) => b.created_at.localeCompare(a.created_at);
	return json(
		images
			.filter(wanted)
			.sort(newestFirst)
			.map(({ id, name, status, owner, tags }) => ({
				...{ ID: id, Name: name, Status: status, Project: owner, Tags: tags },
			})),
	);
}

function answer(glance: FakeGlance, args: readonly string[]): Answer | Promise<Answer> {
	const last = args.filter((word) => !['-f', 'json'].includes(word)).at(-1) as string;
	const is = (...words: string[]) => words.every((word, index) => args[index] === word);
	if (is('token', 'issue')) return json({ project_id: 'own' });
	if (is('server', 'list')) return json(glance.servers);
	if (is('stack', 'list'))
		return json(Object.keys(glance.stacks).map((name) => ({ ID: name, 'Stack Name': name })));
	if (is('stack', 'show')) return json({ id: last, stack_name: last, parameters: glance.stacks[last] });
	if (is('image', 'member', 'list')) return json([]);
	if (is('image', 'create'))
		return create(
			glance,
			args.filter((word) => !['-f', 'json'].includes(word)),
		);
	if (is('image', 'list')) return listed(glance, args);
	if (is('image', 'show')) {
		const image = glance.images.find(({ id }) => id === last);
		return image === undefined ? { code: 1, stderr: `No Image found for ${last}\n` } : json(image);
	}
	if (is('image', 'delete')) {
		for (const gone of args.slice(2)) {
			const index = glance.images.findIndex(({ id }) => id === gone);
			if (index < 0) return { code: 1, stderr: `No Image found for ${gone}\n` };
			glance.images.splice(index, 1);
		}
		return {};
	}
	throw new Error(`openstack ${args.join(' ')}`);
}

/** A project named own, with these images. */
export async function fakeGlance(t: ExecutionContext, ...images: FakeImage[]): Promise<FakeGlance> {
	const root = await temporaryFolder();
	const glance: FakeGlance = {
		...{ images, servers: [], stacks: {}, content: Buffer.from(''), whole: Promise.resolve() },
		env: { PATH: `${root}/bin:${systemPath}` },
	};
	await programsOn(t, root, {
		openstack: (args) => answer(glance, args),
		'qemu-img': () => json({ 'virtual-size': 2842689536 }),
	});
	return glance;
}
