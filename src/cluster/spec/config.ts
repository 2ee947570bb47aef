import { collect, invalidFlags, refuse, usageError } from '../../base/errors.ts';
import { cut, invalidValue, printable } from '../../base/forms.ts';
import { Mapping } from '../../base/mapping.ts';
import { parseYaml } from '../../base/yaml-file.ts';
import { clusterFields, nameForm } from './cluster-fields.ts';
import { contradictions } from './contradictions.ts';
import { type PoolEntry, readPools } from './pool-entries.ts';
import { packagedRoles, type Roles } from './roles.ts';
import { formOf } from './setting-forms.ts';
import { defaultsOf, flagOf, optionOf, type Setting, settings, type Value } from './settings.ts';

/** Values by the key of the setting; settings without a value are absent. */
export type Settings = Readonly<Record<string, Value>>;

/** A cluster: its name and its settings. */
export interface Cluster {
	readonly name: string;
	readonly settings: Settings;
	/** The settings that the operator has set; the others are defaults. */
	readonly given?: ReadonlySet<string>;
	/** Its additional pools, in the order of cluster.yaml. */
	readonly pools?: readonly PoolEntry[];
}

/** The text of a file, and its path for messages. */
export interface SettingsFile {
	readonly text: string;
	readonly path: string;
}

/** Why the name of a cluster is invalid; `undefined` if it is valid. */
export function mistakeInName(name: string): string | undefined {
	if (nameForm.read(name) !== undefined) return undefined;
	return `The cluster name ${printable(name)} is invalid, because names of hosts begin with it: use ${nameForm.description}.`;
}

/**
 * Reads the YAML of a cluster file or a Heat environment into a mapping.
 *
 * @throws UserError exit code 2 when it is not YAML, or not a mapping
 */
export function readMapping(text: string, file: string): Record<string, unknown> {
	const content = parseYaml(text, file, 'typed');
	if (typeof content !== 'object' || content === null || Array.isArray(content)) {
		throw usageError(`${file} must be a mapping of settings to values.`, undefined, 'not-a-mapping');
	}
	return content as Record<string, unknown>;
}

/** The settings given as flags; other flags are ignored. */
export function readFlags(flags: Readonly<Record<string, unknown>>, mistakes: string[]): Settings {
	const found: Record<string, Value> = {};
	for (const setting of settings) {
		const value = flags[optionOf(setting)];
		if (value === undefined) continue;
		const form = formOf(setting);
		const read = form.read(value);
		if (read === undefined) mistakes.push(invalidValue(`--${flagOf(setting)}`, value, form));
		else found[setting.key] = read;
	}
	return found;
}

type Content = Readonly<Record<string, unknown>>;

/** Whether a file has the same value as the cluster, which is always valid. */
const isKept = (value: unknown, existing: Value | undefined) =>
	existing !== undefined && String(value) === String(existing);

/** The settings in the content of a cluster file. */
function readFile(
	content: Content,
	path: string,
	name: string,
	existing: Settings,
	mistakes: string[],
): Settings {
	if ((content.name ?? name) !== name) {
		mistakes.push(
			`${path}: name is ${printable(content.name)}, but the command names the cluster "${cut(name)}".`,
		);
	}
	if ('parameters' in content || 'parameter_defaults' in content) {
		mistakes.push(
			`${path} is a Heat environment: kstack reads settings at the top level, such as minions: 3.`,
		);
		return {};
	}
	const top = new Mapping(content, path, mistakes);
	top.allowOnly(...Object.keys(clusterFields()));
	const found: Record<string, Value> = {};
	for (const setting of settings) {
		const { key } = setting;
		const kept = existing[key];
		const value = kept !== undefined && isKept(content[key], kept) ? kept : top.value(key, formOf(setting));
		if (value !== undefined) found[key] = value;
	}
	return found;
}

/** The values that a cluster keeps when nothing sets them: those of settings that its release did not know. */
const keptOf = (open: readonly Setting[], existing: Settings = {}): Settings =>
	Object.fromEntries(
		open.flatMap(({ key, formerly }) => {
			const now = existing[key];
			return formerly === undefined || now === undefined ? [] : [[key, now]];
		}),
	);

/**
 * Merges the settings: flags override the file, the file overrides the defaults.
 *
 * @param name      the cluster's name, unless the file has one
 * @param flags     values on the command line, by setting key
 * @param file      cluster.yaml; `undefined` when there is none
 * @param existing  the settings of the cluster, if it exists: its values are always valid, and contradictions are not
 *   checked here
 * @param roles     the available roles for additional pools
 * @param mistakes  mistakes in other files, which are reported too
 * @throws UserError exit code 2, with all mistakes
 */
export function readCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: SettingsFile | undefined,
	existing?: Settings,
	roles: Roles = packagedRoles,
	mistakes: string[] = [],
): Cluster {
	const ofOthers = mistakes.length > 0;
	const wrongName = mistakeInName(name);
	if (wrongName !== undefined) mistakes.push(wrongName);
	const content: Content =
		(file === undefined ? undefined : collect(mistakes, () => readMapping(file.text, file.path))) ?? {};
	const inFile = readFile(content, file?.path ?? '', name, existing ?? {}, mistakes);
	const byFlag = readFlags(flags, mistakes);
	const given = { ...inFile, ...byFlag };
	// Settings with an invalid value get no default, which might contradict other settings.
	const open = settings.filter(
		(setting) => (flags[optionOf(setting)] ?? content[setting.key] ?? undefined) === undefined,
	);
	const requested: Settings = { ...defaultsOf(open), ...keptOf(open, existing), ...given };
	const place = (key: string) => {
		const setting = settings.find((one) => one.key === key);
		if (setting !== undefined && key in byFlag) return `--${flagOf(setting)}`;
		return key in inFile ? `${file?.path}: ${key}` : key;
	};
	const ofPools: string[] = [];
	const pools = readPools(content.pools, file?.path ?? '', name, roles, ofPools);
	if (existing === undefined) {
		const further = pools.reduce((sum, { count }) => sum + count, 0);
		mistakes.push(...contradictions(requested, place, further));
		// Only as a flag: kstack writes both defaults to the cluster.yaml of a cluster without an external network.
		if (requested.externalNetwork === 'none' && byFlag.apiFloatingIp === true) {
			mistakes.push(
				`${place('apiFloatingIp')} is true, but ${place('externalNetwork')} is none: set the network of the floating IP with --external-network.`,
			);
		}
	}
	mistakes.push(...ofPools);
	refuse(mistakes, undefined, file === undefined && !ofOthers ? invalidFlags : 'invalid-settings');
	return { name, settings: requested, given: new Set(Object.keys(given)), pools };
}
