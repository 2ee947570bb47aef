import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { readTree } from '../../src/base/tree.ts';
import { parametersOf } from '../../src/cluster/spec/parameters.ts';
import { clusterOf } from './clusters.ts';
import { type Answers, demoStack, emptyCloud, event, fakeCloud } from './fake-cloud.ts';
import { temporaryFolder } from './folders.ts';
import { kstack } from './processes.ts';

/** Runs kstack in a folder of its own with a cloud with these responses. */
export async function on(
	stages: readonly Answers[],
	args: readonly string[],
	how: {
		cwd?: string;
		env?: object;
		answering?: string;
		onStderr?: (text: string, pid: number) => void;
	} = {},
) {
	const folder = how.cwd ?? (await temporaryFolder());
	const cloud = await fakeCloud(...stages);
	if (how.answering !== undefined) {
		const program = path.join(String(cloud.env.FAKE_CLOUD), 'answering');
		await writeFile(program, how.answering, { mode: 0o755 });
	}
	const ended = await kstack(args, { ...how, cwd: folder, env: { ...cloud.env, ...how.env } });
	return { ...ended, folder, asked: await cloud.asked() };
}

const done = new Map<string, Promise<string>>();

/** The folder in which `kstack render` has written ./demo; once for all tests of a file with the same arguments. */
function rendered(words: readonly string[]): Promise<string> {
	const key = words.join('\0');
	const found = done.get(key) ?? render(words);
	done.set(key, found);
	return found;
}

async function render(words: readonly string[]): Promise<string> {
	const folder = await temporaryFolder();
	const { code, stderr } = await kstack(['render', 'demo', ...words], { cwd: folder });
	if (code !== 0) throw new Error(stderr);
	return folder;
}

/** A cluster of three minions, and its directory in a folder. */
export async function made(more: Readonly<Record<string, string>> = {}) {
	const folder = await temporaryFolder();
	const flags = { networkDriver: 'routed', externalNetwork: 'none', image: 'debian12-x64-kubernetes' };
	const flavors = { masterFlavor: 'm1.medium', minionFlavor: 'm1.medium', gatewayFlavor: 'm1.small' };
	const words = Object.entries({ ...flags, ...flavors, minions: '3', ...more }).flatMap(([key, value]) => [
		`--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
		value,
	]);
	await cp(await rendered(words), folder, { recursive: true });
	const { parameters } = load(await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8')) as {
		parameters: Record<string, unknown>;
	};
	const wanted = clusterOf({ ...flags, ...flavors, minions: '3' }).settings;
	const shown = Object.fromEntries(
		Object.entries({ ...parametersOf(wanted), ...parameters, cluster_state: 'existing' }).map(
			([name, value]) => {
				if (typeof value === 'object') return [name, JSON.stringify(value)];
				return [name, typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)];
			},
		),
	);
	const heat = await readTree(path.join(folder, 'demo/heat'));
	const templates = {
		'stack-template-show': load(heat.find((file) => file.path === 'cluster.yaml')?.text ?? ''),
		'stack-file-list': { files: Object.fromEntries(heat.map((file) => [file.path, file.text])) },
		'stack-update--dry-run': {},
		'stack-resource-list-stack-1': [],
		'stack-resource-list': [],
	};
	const stages = (minions: number): Answers[] => [
		{
			...emptyCloud,
			...templates,
			'server-list': ['master-0', 'minion-0', 'minion-1', 'minion-2'].map((name) => ({
				ID: `server-demo-${name}`,
				Name: `demo-${name}`,
				Status: 'ACTIVE',
			})),
			'stack-show-demo': demoStack(3, {}, shown),
			'stack-event-list': [event(1, 'CREATE_COMPLETE')],
			'stack-update': { id: 'stack-1' },
			'stack-delete': '',
		},
		{
			'stack-show-demo': demoStack(minions, {}, { ...shown, minion_count: String(minions) }),
			'stack-event-list': [event(1, 'CREATE_COMPLETE'), event(2, 'UPDATE_COMPLETE')],
		},
	];
	return { folder, stages };
}

/** The command lines that would change a stack. */
export const updates = (asked: readonly string[]) =>
	asked.filter((line) => line.startsWith("'stack' 'update'") && !line.includes("'--dry-run'"));
