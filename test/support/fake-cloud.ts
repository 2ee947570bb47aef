import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';
import { temporaryFolder } from './folders.ts';
import { systemPath } from './processes.ts';

/** Responses of the fake client, by its first arguments joined with `-`: text as it is, other values as JSON. */
export type Answers = Readonly<Record<string, unknown>>;

export interface FakeCloud {
	/** The environment in which `openstack` is the fake. */
	readonly env: NodeJS.ProcessEnv;
	/** Its command lines, quoted as for a shell. */
	asked(): Promise<string[]>;
}

/** A cloud with one image, three flavors, one external network and no stack. */
export const emptyCloud: Answers = {
	'image-list': [{ ID: 'image-1', Name: 'debian12-x64-kubernetes' }],
	'image-list--name-debian12-x64-kubernetes': [{ ID: 'image-1', Name: 'debian12-x64-kubernetes' }],
	'image-show-image-1': imageOf('image-1', 'debian12-x64-kubernetes'),
	'image-show-debian12-x64-kubernetes': imageOf('image-1', 'debian12-x64-kubernetes'),
	'flavor-list': [
		{ ID: '1', Name: 'm1.tiny', RAM: 512, VCPUs: 1, Disk: 1 },
		{ ID: '2', Name: 'm1.small', RAM: 2048, VCPUs: 1, Disk: 20 },
		{ ID: '3', Name: 'm1.medium', RAM: 4096, VCPUs: 2, Disk: 40 },
	],
	'network-list': [{ ID: 'network-1', Name: 'public' }],
	'stack-list': [],
	'server-list': [],
	'orchestration-template-validate': {},
};

/** An image as the client shows it, with more of kimg's properties. */
export function imageOf(id: string, name: string, more: object = {}) {
	return { id, name, min_disk: 8, properties: { kstack_network_drivers: 'routed,flannel', ...more } };
}

/** The output for a stack demo that is created, with this number of minions. */
export function demoStack(minions: number, more: object = {}, parameters: object = {}): object {
	const member = (name: string, index: number) => ({
		name,
		address: `10.0.0.${11 + index}`,
		server: `server-${name}`,
		index: name.split('-').at(-1),
		generation: '1',
	});
	return {
		id: 'stack-1',
		stack_name: 'demo',
		stack_status: 'CREATE_COMPLETE',
		stack_status_reason: 'Stack CREATE completed successfully',
		parameters: {
			...{ master_count: '1', minion_count: String(minions), gateway_count: '0', boot_timeout: '1200' },
			...{ join_token: '******', master_token: '******', generations: '{}', drain_timeout: '300' },
			...{ cluster_state: 'existing', operator_request: 'UkVR', recorded_settings: '{}' },
			...Object.fromEntries(
				['master', 'minion', 'gateway'].flatMap((role) => [
					...[
						[`removed_${role}s`, ''],
						[`previous_${role}_count`, '0'],
					],
					...[
						[`previous_${role}_image`, ''],
						[`previous_removed_${role}s`, ''],
					],
				]),
			),
			...parameters,
		},
		outputs: [
			{ output_key: 'api_endpoint', output_value: 'https://127.0.0.1:1' },
			{ output_key: 'certificates', output_value: JSON.stringify({ ca: 'Q0E=', operator: 'T1A=' }) },
			{ output_key: 'masters', output_value: [member('demo-master-0', 0)] },
			{
				output_key: 'minions',
				output_value: Array.from({ length: minions }, (_, index) =>
					member(`demo-minion-${index}`, index + 1),
				),
			},
			{ output_key: 'gateways', output_value: [] },
		],
		...more,
	};
}

/** The stages of a cloud where the stack demo shows the CA of this kubeconfig, as if the cluster were its own. */
export function withAuthorityOf(kubeconfig: string, stages: readonly Answers[]): Answers[] {
	const ca = /certificate-authority-data: (\S+)/.exec(kubeconfig)?.[1];
	return stages.map((answers) => {
		const stack = answers['stack-show-demo'] as { outputs: { output_key: string }[] } | undefined;
		if (stack === undefined) return answers;
		const certificates = {
			output_key: 'certificates',
			output_value: JSON.stringify({ ca, operator: 'T1A=' }),
		};
		const others = stack.outputs.filter((output) => output.output_key !== 'certificates');
		const outputs = [...others, certificates];
		return { ...answers, 'stack-show-demo': { ...stack, outputs } };
	});
}

/** An event of the stack demo itself, or of one of its resources. */
export function event(number: number, status: string, more: object = {}): object {
	return {
		id: `event-${number}`,
		stack_name: 'demo',
		resource_name: 'demo',
		physical_resource_id: 'stack-1',
		resource_status: status,
		resource_status_reason: status.endsWith('FAILED') ? 'it went wrong' : 'state changed',
		event_time: `2026-01-01T00:00:${String(number).padStart(2, '0')}Z`,
		...more,
	};
}

/** A cloud with these responses; each further stage has those that differ after a change of the stack. */
export async function fakeCloud(...stages: readonly Answers[]): Promise<FakeCloud> {
	const folder = await temporaryFolder();
	await writeFile(path.join(folder, 'stage'), '0\n');
	for (const [number, answers] of stages.entries()) {
		await mkdir(path.join(folder, String(number)));
		for (const [key, answer] of Object.entries(answers)) {
			const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
			await writeFile(path.join(folder, String(number), key), text);
		}
	}
	const log = path.join(folder, 'log');
	return {
		env: {
			PATH: `${path.join(packageRoot, 'test/fixtures/bin')}:${systemPath}`,
			FAKE_CLOUD: folder,
		},
		asked: async () => (existsSync(log) ? (await readFile(log, 'utf8')).trimEnd().split('\n') : []),
	};
}
