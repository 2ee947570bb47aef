import { existsSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump } from 'js-yaml';
import { editText } from '../../base/edit-text.ts';
import { usageError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { readText } from '../../base/read-text.ts';
import { schemaText } from '../../base/schema.ts';
import { replaceTree, type Tree } from '../../base/tree.ts';
import { clusterSchema } from '../spec/cluster-fields.ts';
import { type Cluster, readMapping } from '../spec/config.ts';
import type { ImageSupport } from '../spec/contracts.ts';
import type { Parameters } from '../spec/parameters.ts';
import { recordsFor } from '../spec/pool-entries.ts';
import { defaultPools, furtherPools } from '../spec/pools.ts';
import { type Roles, rolesWith, runsControlPlane } from '../spec/roles.ts';
import { settings, type Value } from '../spec/settings.ts';
import { renderTemplates } from './templates.ts';

/** In the same folder as cluster.yaml, which refers to it in its first line. */
const schemaFile = 'cluster.schema.json';

/** The files of a stack directory, which can be used with the plain openstack client too. */
export interface StackDirectory {
	readonly path: string;
	readonly cluster: string;
	/** The JSON Schema of cluster.yaml, for editors. */
	readonly schema: string;
	/** The folder of the operator's roles; need not exist. */
	readonly roles: string;
	readonly parameters: string;
	readonly secrets: string;
	readonly template: string;
	readonly kubeconfig: string;
	/** The operator's private key, until the kubeconfig holds it. */
	readonly operatorKey: string;
}

/** The default cluster name: that of the stack directory in the current folder, otherwise `kubernetes`. */
export async function defaultName(): Promise<string> {
	if (!existsSync('cluster.yaml') || !existsSync('heat')) return 'kubernetes';
	const { name } = readMapping(await readText('cluster.yaml'), 'cluster.yaml');
	return typeof name === 'string' ? name : path.basename(process.cwd());
}

/** The stack directory of a cluster: the current folder if it is that, otherwise the folder NAME. */
export async function stackDirectory(name: string): Promise<StackDirectory> {
	const here = existsSync('cluster.yaml') && existsSync('heat') && (await defaultName()) === name;
	return directoryAt(here ? '.' : name);
}

/** The files of a stack directory in that folder, whether they exist or not. */
export function directoryAt(folder: string): StackDirectory {
	const file = (base: string) => path.join(folder, base);
	return {
		path: folder,
		cluster: file('cluster.yaml'),
		schema: file(schemaFile),
		roles: file('roles'),
		parameters: file('parameters.yaml'),
		secrets: file('secrets.yaml'),
		template: file('heat/cluster.yaml'),
		kubeconfig: file('kubeconfig'),
		operatorKey: file('operator.key'),
	};
}

/**
 * The roles that the pools of the cluster may have: those of kstack and those in its stack directory.
 *
 * @param mistakes  receives the mistakes in them; without it, they are thrown
 */
export const rolesOf = (directory: Pick<StackDirectory, 'roles'>, mistakes?: string[]): Roles =>
	rolesWith(directory.roles, mistakes);

/** The file's text, or `undefined` when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
	return existsSync(file) ? readText(file) : undefined;
}

const yamlText = (value: object) => dump(value, { lineWidth: -1, noRefs: true });

/** One line of YAML without its newline; spaces at the end of a value are kept. */
const yamlLine = (value: object) => yamlText(value).replace(/\n$/, '');

/**
 * Writes a file that only its owner may read, whatever the mode of an existing one. The file has either its former or its
 * new text at any time, also after a power failure.
 */
export async function writeSecret(file: string, text: string): Promise<void> {
	const draft = `${file}.new-${process.pid}`;
	try {
		await rm(draft, { force: true });
		const handle = await open(draft, 'wx', 0o600);
		try {
			await handle.chmod(0o600);
			await handle.writeFile(text);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(draft, file);
	} catch (error) {
		await rm(draft, { force: true });
		throw error;
	}
}

function clusterFile(cluster: Cluster): string {
	const lines = settings.flatMap((setting) => {
		const value = cluster.settings[setting.key];
		return value === undefined ? [] : [`# ${setting.describe}.`, yamlLine({ [setting.key]: value })];
	});
	return [
		`# yaml-language-server: $schema=${schemaFile}`,
		`# Settings of the cluster "${cluster.name}", for kstack alone. To apply a change: kstack update ${cluster.name}`,
		'# The openstack client uses parameters.yaml and heat/ instead.',
		yamlLine({ name: cluster.name }),
		...lines,
		...((cluster.pools ?? []).length === 0
			? []
			: ['# Additional pools.', yamlLine({ pools: cluster.pools })]),
		'',
	].join('\n');
}

/** Makes Heat refuse every update that would replace a member that runs etcd. */
const guards = {
	resources: Object.fromEntries(
		defaultPools
			.filter(runsControlPlane)
			.map(({ group }) => [`${group}*`, { '*': { server: { restricted_actions: 'replace' } } }]),
	),
};

function parametersFile(name: string, parameters: Parameters): string {
	return [
		`# Heat environment of "${name}". To apply a change of this file, with kstack: kstack update ${name}`,
		`# With the openstack client: openstack stack update --existing --parameter minion_count=5 ${name}`,
		`# or, for a new stack: openstack stack create -t heat/cluster.yaml -e parameters.yaml -e secrets.yaml ${name}`,
		yamlText({ parameters, resource_registry: guards }),
	].join('\n');
}

/** Replaces the templates, and writes the schema of this release. */
export async function writeTemplates(directory: StackDirectory, templates: Tree): Promise<void> {
	await replaceTree(path.dirname(directory.template), templates);
	await writeFile(directory.schema, schemaText(clusterSchema(rolesOf(directory))));
}

/** Writes the stack directory, except the kubeconfig. */
export async function writeDirectory(
	directory: StackDirectory,
	cluster: Cluster,
	parameters: Parameters,
	secrets: Parameters,
	support?: ImageSupport,
): Promise<void> {
	await makeFolder(directory.path);
	const roles = rolesOf(directory);
	const pools = furtherPools(recordsFor(cluster.pools ?? [], roles));
	await writeTemplates(directory, renderTemplates({ ...cluster, pools, roles }, undefined, support));
	if (!existsSync(directory.cluster)) await writeFile(directory.cluster, clusterFile(cluster));
	else await setValues(directory.cluster, '', cluster.settings);
	await writeFile(directory.parameters, parametersFile(cluster.name, parameters));
	await writeSecret(directory.secrets, yamlText({ parameters: secrets }));
}

/** Matches a key with its value, which may continue in indented lines, and the comment after it. */
function entry(indentation: string, key: string): RegExp {
	const value = `"(?:[^"\\\\\n]|\\\\.)*"|'(?:[^'\n]|'')*'|[^\n]*?`;
	const comment = '[ \\t]*|[ \\t]+#[^\n]*';
	const further = `\n${indentation}(?:[ \\t]+(?![ \\t#])|-)[^\n]+`;
	return new RegExp(`(?<=^|\n)${indentation}${key}:[ \\t]*(?:${value})(${comment})(?=\n|$)(?:${further})*`);
}

/**
 * Sets values in a YAML file with one `key: value` per line. Keeps everything else, including comments, because
 * operators edit the file.
 *
 * @param indentation  the spaces before a key
 */
export async function setValues(
	file: string,
	indentation: string,
	values: Readonly<Record<string, Value>>,
): Promise<void> {
	await editText(file, (before) => {
		let text = before;
		for (const [key, value] of Object.entries(values)) {
			const line = `${indentation}${yamlLine({ [key]: value })}`;
			const present = entry(indentation, key);
			if (present.test(text)) text = text.replace(present, (_, comment: string) => line + comment);
			else if (indentation === '') text = `${text.trimEnd()}\n${line}\n`;
		}
		return text;
	});
}

/** The parameters in parameters.yaml; `undefined` when there is no such file. */
export async function readParameters(directory: StackDirectory): Promise<Parameters | undefined> {
	const text = await readIfThere(directory.parameters);
	if (text === undefined) return undefined;
	const { parameters } = readMapping(text, directory.parameters);
	if (typeof parameters !== 'object' || parameters === null) {
		throw usageError(`${directory.parameters} has no mapping "parameters".`);
	}
	return parameters as Parameters;
}
