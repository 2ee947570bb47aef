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
