// A fake kubectl with the parts of the Kubernetes API that kstack-addons uses.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { loadAll } from 'js-yaml';
import { type Answer, programsOn } from './fake-programs.ts';
import { temporaryFolder } from './folders.ts';
import { imageFiles, writeNode } from './node.ts';
import { systemPath } from './processes.ts';
import { inBackground, type Running } from './waiting.ts';

export interface KubeObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly annotations?: Readonly<Record<string, string>>;
	};
	readonly data?: Readonly<Record<string, string>>;
	readonly status?: object;
}

/** The state of the cluster, which a test reads and changes. */
export interface AddonCluster {
	readonly running: Running;
	/** By `KIND NAMESPACE/NAME`. */
	readonly objects: Map<string, KubeObject>;
	/** Reasons of the Events, each with the addon's name. */
	readonly events: string[];
	/** Whether this master holds the API address. */
	holder: boolean;
	/** How often it has checked this. */
	looks(): number;
	/** Requests an addon, as kstack does. */
	request(name: string, manifest: string, desired?: 'present' | 'absent'): void;
	/** State and message of an addon's status, for the last request only. */
	status(name: string): string;
}

const keyOf = (kind: string, namespace: string | undefined, name: string) =>
	`${kind} ${namespace ?? ''}/${name}`;
const keyOfObject = ({ kind, metadata }: KubeObject) => keyOf(kind, metadata.namespace, metadata.name);
const listOf = (items: readonly KubeObject[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const json = (value: unknown): Answer => ({ stdout: `${JSON.stringify(value)}\n` });

function objectsIn(text: string): KubeObject[] {
	const content = JSON.parse(text) as KubeObject | { kind: 'List'; items: KubeObject[] };
	return 'items' in content ? content.items : [content];
}

/** The value of an option, in the same argument or the next one. */
function option(args: readonly string[], name: string): string | undefined {
	const index = args.indexOf(name);
	return index < 0 ? undefined : args[index + 1];
}

const kinds: Readonly<Record<string, string>> = {
	secret: 'Secret',
	secrets: 'Secret',
	configmap: 'ConfigMap',
	configmaps: 'ConfigMap',
};

/** Starts kstack-addons on a master of a cluster without addons. */
export async function addonCluster(t: ExecutionContext): Promise<AddonCluster> {
	const root = await temporaryFolder();
	const objects = new Map<string, KubeObject>();
	const events: string[] = [];
	const inFile = async (args: readonly string[], input: string) => {
		const file = option(args, '-f') ?? '-';
		return file === '-' ? input : readFile(file, 'utf8');
	};

	function apply(given: readonly KubeObject[], dry: boolean): Answer {
		// As kubectl does: objects beside a wrong one are applied.
		const known = given.filter(({ kind }) => kind !== 'Unknown');
		if (!dry) for (const object of known) objects.set(keyOfObject(object), object);
		if (known.length < given.length) return { code: 1, stderr: 'error: no matches for kind "Unknown"\n' };
		return { stdout: listOf(given) };
	}

	function get(args: readonly string[]): Answer {
		const words = args.slice(args.indexOf('get') + 1).filter((word) => !word.startsWith('-'));
		const kind = kinds[words[0] ?? ''] ?? '';
		const inSystem = [...objects.values()].filter(
			(object) => object.kind === kind && object.metadata.namespace === 'kube-system',
		);
		const labelled = inSystem.filter(({ metadata }) => metadata.labels?.['kstack.io/addon'] !== undefined);
		// This watch ends at once, and the next one lists all addons, so every change is seen.
		if (args.includes('--watch'))
			return { stdout: labelled.map(({ metadata }) => `secret/${metadata.name}\n`).join('') };
		if (args.includes('--selector')) return { stdout: listOf(labelled) };
		const found = inSystem.find(({ metadata }) => metadata.name === words[1]);
		return found === undefined ? {} : json(found);
	}

	async function getFile(args: readonly string[], input: string): Promise<Answer> {
		const found = objectsIn(await inFile(args, input)).flatMap(
			(object) => objects.get(keyOfObject(object)) ?? [],
		);
		if (found.length === 0) return {};
		return found.length === 1 ? json(found[0]) : { stdout: listOf(found) };
	}

	async function label(args: readonly string[]): Promise<Answer> {
		try {
			const [key = '', value = ''] = (args.find((word) => word.includes('kstack.io/')) ?? '').split('=');
			const given = loadAll(await readFile(option(args, '-f') ?? '', 'utf8')) as KubeObject[];
			const stdout = given.map((object) => {
				const labels = { ...object.metadata.labels, [key]: value };
				return JSON.stringify({ ...object, metadata: { ...object.metadata, labels } });
			});
			return { stdout: `${stdout.join('\n')}\n` };
		} catch (error) {
			return { code: 1, stderr: `error: cannot parse the manifest: ${(error as Error).message}\n` };
		}
	}

	const state = { holder: true, looks: 0 };
	const bin = await programsOn(t, root, {
		ip: () => {
			state.looks++;
			return { stdout: state.holder ? '2: eth0 inet 10.0.0.5/32\n' : '' };
		},
		kubectl: async (args, input = '') => {
			const verb = args.find((word) => ['apply', 'create', 'label', 'get', 'delete'].includes(word));
			if (verb === 'apply') return apply(objectsIn(input), args.includes('--dry-run=server'));
			if (verb === 'label') return label(args);
			if (verb === 'get') return args.includes('-f') ? getFile(args, input) : get(args);
			if (verb === 'delete') {
				for (const object of objectsIn(input)) objects.delete(keyOfObject(object));
				return {};
			}
			const event = JSON.parse(input) as { reason: string; metadata: { generateName: string } };
			events.push(`${event.reason} ${event.metadata.generateName.replace(/^kstack-addon-|\.$/g, '')}`);
			return {};
		},
	});
	await writeNode(root, await imageFiles());
	const env = { PATH: `${bin}:${systemPath}`, API_ADDRESS: '10.0.0.5' };
	const running = await inBackground(t, root, 'kstack-addons', env);
	let requests = 0;
	return {
		running,
		objects,
		events,
		get holder() {
			return state.holder;
		},
		set holder(holder: boolean) {
			state.holder = holder;
		},
		looks: () => state.looks,
		request(name, manifest, desired = 'present') {
			const revision = createHash('sha256').update(`${requests++}`).digest('hex').slice(0, 16);
			const secret = {
				...{ apiVersion: 'v1', kind: 'Secret' },
				metadata: {
					...{ name: `kstack-addon-${name}`, namespace: 'kube-system' },
					labels: { 'kstack.io/addon': name },
					annotations: { 'kstack.io/addon-desired': desired, 'kstack.io/addon-revision': revision },
				},
				data: { 'manifest.yaml.gz': gzipSync(manifest).toString('base64') },
			};
			objects.set(keyOfObject(secret), secret);
		},
		status(name) {
			const place = { namespace: 'kube-system', name: `kstack-addon-${name}` };
			const asked = objects.get(keyOf('Secret', place.namespace, place.name));
			const told = objects.get(keyOf('ConfigMap', place.namespace, place.name))?.data ?? {};
			if (told.revision !== asked?.metadata.annotations?.['kstack.io/addon-revision']) return '';
			return [told.state, told.message].filter((word) => word !== '').join(': ');
		},
	};
}
