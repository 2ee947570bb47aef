import {
	boolean,
	type Form,
	type JsonSchema,
	line,
	matching,
	oneOf,
	printable,
	wholeNumber,
} from '../../base/forms.ts';
import { Mapping } from '../../base/mapping.ts';
import { type Fields, fileSchema, listOf, mappingSchema } from '../../base/schema.ts';
import { parseRange } from './cidr.ts';
import { readLabels, readTaints, taintPattern } from './node-marks.ts';

/** The pool of a role in every cluster, with its own Heat parameters and flags. */
export interface DefaultPool {
	/** The pool's name, such as `minions`. */
	readonly name: string;
	/** Position among the default pools in templates and help. */
	readonly position: number;
	/** The default, minimum and maximum number of members. */
	readonly default: number;
	readonly min: number;
	readonly max: number;
	/** Descriptions of its count, in the help of kstack and in the Heat template. */
	readonly setting: string;
	readonly parameter: string;
}

/** Ports of the members of a role that are open to clients outside the cluster. */
export interface OpenPorts {
	readonly protocol: string;
	readonly first: number;
	readonly last: number;
	/** Allowed source network, such as `192.0.2.0/24`. */
	readonly from: string;
}

/** The content of a role.yaml. */
export interface RoleFile {
	/** The purpose of its nodes. */
	readonly description: string;
	/** Absent if the role is only for additional pools. */
	readonly defaultPool?: DefaultPool;
	/** Taints that its nodes register with: `KEY=VALUE:EFFECT` or `KEY:EFFECT`. */
	readonly taints: readonly string[];
	/** Labels that the masters set on its nodes. */
	readonly labels: Readonly<Record<string, string>>;
	readonly openPorts: readonly OpenPorts[];
	/** Minimum flavor: megabytes of memory, virtual CPUs. */
	readonly minimum: { readonly memory: number; readonly cpus: number };
	/** Position among the roles in an upgrade; a downgrade uses the reverse order. */
	readonly upgradeOrder: number;
	/** Whether its members run etcd and the API server. */
	readonly controlPlane: boolean;
	/** Whether its members hold the shared address of the gateways and accept external traffic. */
	readonly gatewayAddress: boolean;
	/** Whether the node image contains the list of its steps; otherwise user-data does. */
	readonly stepsInImage: boolean;
}

/** The default role of pools. Custom roles inherit its steps, image, flavor and availability zone. */
export const standardRole = 'minion';

/** Names that are other values in Heat's YAML 1.1, and a property of all JavaScript objects. */
export const reservedWords: ReadonlySet<string> = new Set([
	...['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null'],
	'constructor',
]);

/** The name of a role, which is part of node labels. */
export const roleNameForm = matching(
	/^[a-z][a-z0-9]{0,15}$/,
	'1 to 16 characters of a-z and 0-9, beginning with a letter, and not a word that YAML reads as another value, such as no or null',
	(name) => !reservedWords.has(name),
);

const memory = wholeNumber({ min: 1, max: 1_048_576 }, 'megabytes');
const cpus = wholeNumber({ min: 1, max: 1024 });
const order = wholeNumber({ min: 1, max: 99 });

const protocol = oneOf(['tcp', 'udp']);
const anywhere = '0.0.0.0/0';
const from = matching(
	/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/,
	'an IPv4 network such as 192.0.2.0/24',
	(text) => parseRange(text) !== undefined,
);

/** `8080`, or `8000-8080`. */
const ports: Form<readonly [number, number]> = {
	description: 'a port, or two with a hyphen between them, from 1 to 65535',
	read: (value) => {
		const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)) ?? [];
		const [from, to] = [Number(first), Number(last)];
		return from >= 1 && from <= to && to <= 65_535 ? [from, to] : undefined;
	},
	schema: { type: ['integer', 'string'], minimum: 1, maximum: 65_535, pattern: '^\\d{1,5}(-\\d{1,5})?$' },
};

const portFields: Fields = {
	protocol: { describe: 'Protocol', form: protocol, default: 'tcp' },
	ports: { describe: 'A port, or a range such as 8000-8080', form: ports, required: true },
	from: { describe: 'Who may connect', form: from, default: anywhere },
};

const sentence: Form<string> = {
	description: 'one line of text',
	read: (value) => (typeof value === 'string' && value.trim() !== '' ? line.read(value) : undefined),
	schema: { type: 'string', pattern: '^[^\\n\\r\\u0000]*\\S[^\\n\\r\\u0000]*$' },
};

/** The keys of the role.yaml of a custom role. */
const fields: Fields = {
	description: { describe: 'What its nodes do', form: sentence, required: true },
	taints: {
		describe: 'Taints that its nodes register with, each KEY=VALUE:EFFECT',
		form: { schema: { type: ['array', 'null'], items: { type: 'string', pattern: taintPattern.source } } },
	},
	labels: {
		describe: 'Labels that the masters set on its nodes',
		form: { schema: { type: ['object', 'null'] } },
	},
	openPorts: {
		describe: 'Ports of its nodes that can be reached from outside the cluster',
		form: listOf({ schema: mappingSchema(portFields) }),
	},
	minimum: {
		describe: 'Minimum of a flavor (default: that of a minion)',
		form: {
			schema: mappingSchema({
				memory: { describe: 'Megabytes of memory', form: memory },
				cpus: { describe: 'Virtual CPUs', form: cpus },
			}),
		},
	},
	upgradeOrder: {
		describe: 'Place in an upgrade: 1 for masters, 2 for gateways, 3 for minions',
		form: order,
		default: 3,
	},
};

/** Keys only for the roles of kstack: each changes the templates or the image of every cluster. */
const packagedKeys = ['defaultPool', 'controlPlane', 'gatewayAddress', 'stepsInImage'];

/** The JSON Schema of the role.yaml of a custom role. */
export const roleSchema = (): JsonSchema =>
	fileSchema('kstack role', 'A role of nodes, for pools of a cluster.', fields);

function readDefaultPool(mapping: Mapping): DefaultPool {
	mapping.allowOnly('name', 'position', 'default', 'min', 'max', 'setting', 'parameter');
	const number = (key: string) => mapping.value(key, wholeNumber({ min: 0, max: 5000 })) ?? 0;
	return {
		name: mapping.text('name'),
		position: number('position'),
		default: number('default'),
		min: number('min'),
		max: number('max'),
		setting: mapping.text('setting', sentence),
		parameter: mapping.text('parameter', { description: 'text', read: (value) => String(value), schema: {} }),
	};
}

function readOpenPorts(mapping: Mapping): OpenPorts {
	mapping.allowOnly(...Object.keys(portFields));
	if (!mapping.has('ports')) mapping.addMistake('ports', `is missing: it must be ${ports.description}`);
	const [first, last] = mapping.value('ports', ports) ?? [0, 0];
	return {
		protocol: mapping.value('protocol', protocol) ?? 'tcp',
		...{ first, last },
		from: mapping.value('from', from) ?? anywhere,
	};
}

/**
 * Reads the content of a role.yaml.
 *
 * @param source    the file, for messages
 * @param packaged  whether it is a role of kstack; a custom role has fewer keys
 * @param mistakes  receives a sentence for each mistake
 */
export function readRoleFile(
	content: unknown,
	source: string,
	packaged: boolean,
	mistakes: string[],
): RoleFile {
	const top = new Mapping(content, source, mistakes);
	for (const key of packaged ? [] : packagedKeys)
		if (top.has(key)) top.addMistake(key, 'is for roles that come with kstack');
	top.allowOnly(...Object.keys(fields), ...packagedKeys);
	const minimum = top.within('minimum');
	minimum.allowOnly('memory', 'cpus');
	const mistake = (key: string, what: string, value: unknown) =>
		mistakes.push(`${source}: ${key} is ${printable(value)}: it ${what}.`);
	const flag = (key: string) => top.value(key, boolean) ?? false;
	return {
		description: top.text('description', sentence),
		...(packaged && top.has('defaultPool')
			? { defaultPool: readDefaultPool(top.within('defaultPool')) }
			: {}),
		taints: readTaints(top.raw('taints'), mistake, packaged),
		labels: readLabels(top.raw('labels'), mistake),
		openPorts: top.raw('openPorts') === undefined ? [] : top.each('openPorts').map(readOpenPorts),
		minimum: {
			memory: minimum.value('memory', memory) ?? 1024,
			cpus: minimum.value('cpus', cpus) ?? 1,
		},
		upgradeOrder: top.value('upgradeOrder', order) ?? 3,
		controlPlane: flag('controlPlane'),
		gatewayAddress: flag('gatewayAddress'),
		stepsInImage: flag('stepsInImage'),
	};
}
