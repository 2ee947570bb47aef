import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';
import { output, tool } from './processes.ts';

/** The folder with the files for gateways in the repository. */
export const gatewayFiles = path.join(
	packageRoot,
	'elements/kubernetes-services/static/usr/share/kstack/gateway',
);

export interface Port {
	readonly port: number;
	readonly protocol?: string;
	readonly name?: string;
}

export interface Service {
	readonly kind: 'Service';
	readonly metadata: {
		readonly name: string;
		readonly namespace: string;
		readonly uid: string;
		readonly creationTimestamp: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly annotations?: Readonly<Record<string, string>>;
	};
	readonly spec: {
		readonly type: string;
		readonly ports?: readonly Port[];
		readonly loadBalancerSourceRanges?: readonly string[];
		readonly loadBalancerClass?: string;
		readonly sessionAffinity?: string;
	};
	readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { ip: string }[] } };
}

export interface Endpoints {
	readonly kind: 'Endpoints';
	readonly metadata: { readonly name: string; readonly namespace: string };
	readonly subsets: readonly { readonly addresses?: readonly { ip: string }[]; readonly ports: Port[] }[];
}

/** A Service of type LoadBalancer; a larger `age` means created later; `more` is added to its metadata. */
export const service = (
	name: string,
	ports: readonly Port[],
	more: Partial<Service['metadata']> & { age?: number } = {},
	spec: Partial<Service['spec']> = {},
): Service => {
	const { age = 0, ...metadata } = more;
	return {
		kind: 'Service',
		metadata: {
			name,
			namespace: 'default',
			uid: `${Buffer.from(`${metadata.namespace ?? 'default'}/${name}`)
				.toString('hex')
				.slice(-8)}-0000`,
			creationTimestamp: new Date(Date.UTC(2026, 0, 1) + age * 1000).toISOString().replace('.000', ''),
			...metadata,
		},
		spec: { type: 'LoadBalancer', ports, ...spec },
	};
};

/** The ready pods of a Service, with these addresses and ports. */
export const endpoints = (
	name: string,
	addresses: readonly string[],
	ports: Port[],
	namespace = 'default',
): Endpoints => ({
	kind: 'Endpoints',
	metadata: { name, namespace },
	subsets: addresses.length === 0 ? [] : [{ addresses: addresses.map((ip) => ({ ip })), ports }],
});

/** Runs exposed.jq and then a program, with strings as variables, on a sequence of values. */
export async function jq<Answer>(
	program: string,
	variables: Readonly<Record<string, string>>,
	values: readonly unknown[],
	...flags: string[]
): Promise<Answer[]> {
	const exposed = await readFile(path.join(gatewayFiles, 'exposed.jq'), 'utf8');
	const args = Object.entries(variables).flatMap(([name, value]) => ['--arg', name, value]);
	const input = values.map((value) => `${JSON.stringify(value)}\n`).join('');
	const printed = await output(tool('jq', 'jq'), ['-c', ...flags, ...args, `${exposed}\n${program}`], {
		input,
	});
	return printed
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as Answer);
}

export const program = (name: string) => readFile(path.join(gatewayFiles, `${name}.jq`), 'utf8');
