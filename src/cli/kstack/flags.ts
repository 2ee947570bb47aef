import { invalidValue } from '../../base/forms.ts';
import type { Settings } from '../../cluster/spec/config.ts';
import { formOf } from '../../cluster/spec/setting-forms.ts';
import { flagOf, type Setting, settings } from '../../cluster/spec/settings.ts';
import type { Flag } from '../command.ts';
import { yes } from '../flags.ts';

/** The argument NAME of most commands. */
export const clusterName = {
	describe: 'Name of the cluster',
	defaultText: 'the cluster of the current directory, or "kubernetes"',
} as const;

export const requiredName = { describe: 'Name of the cluster', required: true } as const;

/** The cluster that is meant: NAME, or the one whose directory this is. */
export async function nameOf({ name }: { readonly name: string | undefined }): Promise<string> {
	const { defaultName } = await import('../../cluster/heat/directory.ts');
	return name ?? defaultName();
}

const placeholders: Readonly<Partial<Record<Setting['type'], string>>> = {
	...{ count: 'N', seconds: 'SECONDS', port: 'PORT', cidr: 'CIDR', cidrs: 'CIDR', domain: 'DOMAIN' },
	...{ length: 'BITS', switch: 'true|false', text: 'TEXT', network: 'CIDR', addresses: 'IP,...' },
	...{ proxy: 'URL', hosts: 'HOST,...', servers: 'HOST' },
};

/** What the help calls the values of settings that name something in OpenStack. */
const resources: readonly (readonly [RegExp, string])[] = [
	[/image$/i, 'IMAGE'],
	[/Flavor$/, 'FLAVOR'],
	[/Zone$/, 'ZONE'],
	[/Network$/, 'NETWORK'],
	[/Subnet$/, 'SUBNET'],
	[/Name$/, 'NAME'],
];

/**
 * The flag of a setting. Its default is the settings' own: a flag that is not given stays undefined.
 *
 * @param isNew  whether the cluster does not exist yet; one that exists keeps its values, so that no default is shown
 * @param others  defaults of the command, where they differ from those of the settings
 */
function settingFlag(setting: Setting, isNew: boolean, others: Settings): Flag {
	const { key, type, choices, default: fixed } = setting;
	const named = resources.find(([keys]) => keys.test(key))?.[1];
	const value = choices?.join('|') ?? named ?? placeholders[type] ?? 'VALUE';
	const form = formOf(setting);
	const mistakeInValue = (given: unknown) =>
		form.read(given) === undefined ? invalidValue(`--${flagOf(setting)}`, given, form) : undefined;
	// Where the sentence has the numbers, such as 1, 3, 5 or 7, the range adds nothing.
	const range = setting.range === undefined || /\d/.test(setting.describe) ? {} : { range: setting.range };
	const repeated = setting.flag === undefined ? {} : ({ repeated: true } as const);
	const describe =
		setting.flag === undefined
			? setting.describe
			: setting.describe.replace(/( \(default: [^()]*\))?$/, '; can be repeated$1');
	const flag = { describe, value, mistakeIn: mistakeInValue, ...range, ...repeated };
	const withoutDefault = describe.replace(/ \(default: [^()]*\)$/, '');
	if (!isNew) return { ...flag, describe: withoutDefault };
	const other = others[key];
	if (other !== undefined) return { ...flag, describe: withoutDefault, defaultText: `${other}` };
	return fixed === undefined || fixed === '' ? flag : { ...flag, defaultText: `${fixed}` };
}

/** The flags of those settings, as text: one place checks flags and files alike. */
function settingFlags(
	wanted: (setting: Setting) => boolean,
	isNew: boolean,
	others: Settings = {},
): Readonly<Record<never, Flag>> {
	return Object.fromEntries(
		settings.filter(wanted).map((setting) => [flagOf(setting), settingFlag(setting, isNew, others)]),
	);
}

/** Settings that a flag can change. `--drain-timeout` is for one command; the setting is changed in cluster.yaml. */
const isChangeable = (setting: Setting) => !setting.fixed && setting.key !== 'drainTimeout';

/** The flags with which a cluster is created; `others` are defaults of the command that differ from those of settings. */
export const newClusterFlags = (others: Settings = {}) => settingFlags(() => true, true, others);

/** The flags that change an existing cluster. */
export const changeFlags = () => settingFlags(isChangeable, false);

export const dryRunFlag = {
	boolean: true,
	describe: 'Print the steps without running them',
} as const;

/** How nodes are drained before they are removed, and whether it is asked or only shown. */
export const drainFlags = {
	'drain-timeout': {
		value: 'SECONDS',
		describe: 'For this command only: timeout in seconds for draining one node',
		range: { min: 0, max: 43_200 },
		defaultText: "the cluster's drainTimeout",
	},
	force: {
		boolean: true,
		describe:
			'For this command only: after the drain timeout, delete the remaining pods; also remove nodes that do not respond',
	},
	yes,
	'dry-run': dryRunFlag,
} as const;

export const configFlag = {
	short: 'f',
	value: 'FILE',
	describe: 'Read settings from this file',
	defaultText: 'NAME/cluster.yaml',
} as const;

/** The operator's user name in Kubernetes. */
export const userFlag = {
	value: 'USER',
	describe: 'Kubernetes user name in a new certificate',
	defaultText: 'your login name',
} as const;

export const addonTimeout = {
	value: 'SECONDS',
	default: '300',
	range: { min: 1, max: 99_999 },
	describe: 'Timeout in seconds for the cluster to apply the change',
} as const;

const nothingRequested = 'The cloud was not asked to change anything.';

/** What to do after Ctrl-C: Heat goes on with what it has begun. */
export const seeStatus = ({ name }: { readonly name?: string | undefined }, requested: boolean) =>
	requested
		? `Heat may have started the change. See: kstack status${name === undefined ? '' : ` ${name}`}`
		: nothingRequested;

/** The same for an upgrade, which has several updates. */
export const resumeUpgrade = ({ name }: { readonly name?: string | undefined }, requested: boolean) =>
	requested ? `Resume or roll back with: kstack upgrade ${name ?? ''}`.trimEnd() : nothingRequested;
