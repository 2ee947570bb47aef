import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { refuse, usageError } from '../../base/errors.ts';
import { Mapping } from '../../base/mapping.ts';
import { packageRoot } from '../../base/package.ts';
import { parseYaml } from '../../base/yaml-file.ts';
import { addonFields, addonForms } from './addon-fields.ts';
import { readValueSpecs, type ValueSpec, type Values } from './addon-values.ts';

/** Whether an addon can be disabled: always, after a confirmation, or never. */
export type Disable = 'allowed' | 'confirm' | 'never';

/** The content of an addon.yaml. */
export interface AddonDefinition {
	/** Its name in the cluster. */
	readonly name: string;
	readonly description: string;
	/** Whether the node image contains it, with its manifest. */
	readonly image: boolean;
	readonly values: Readonly<Record<string, ValueSpec>>;
	/** Names of addons that must be enabled before this one. */
	readonly needs: readonly string[];
	readonly disable: Disable;
	/** The consequences of disabling it. */
	readonly warning: string;
}

/** An addon, as read from its folder. */
export interface Addon {
	readonly definition: AddonDefinition;
	/** The manifest, with the placeholder `@@NAME@@` for each value. */
	readonly template: string;
}

/**
 * Reads the content of an addon.yaml.
 *
 * @param source  the file, for messages
 * @param folder  the name of its folder, the default for the name of the addon
 * @throws UserError exit code 2 with every mistake
 */
export function readDefinition(content: unknown, source: string, folder: string): AddonDefinition {
	const file = new Mapping(content, source);
	file.allowOnly(...Object.keys(addonFields));
	file.texts('images', addonForms.name);
	const definition = {
		name: file.has('name') ? file.text('name', addonForms.name) : folder,
		description: file.text('description', addonForms.line),
		image: file.value('image', addonForms.boolean) ?? false,
		values: readValueSpecs(file.within('values')),
		needs: file.texts('needs', addonForms.name),
		disable: (file.value('disable', addonForms.disable) ?? 'allowed') as Disable,
		warning: file.value('warning', addonForms.text) ?? '',
	};
	if (!file.has('name') && addonForms.name.read(folder) === undefined)
		file.mistakes.push(
			`${source}: the name of its folder is ${JSON.stringify(folder)}: it must be ${addonForms.name.description}; or set name.`,
		);
	refuse(file.mistakes, 'See docs/addons.md.', 'invalid-addon');
	return definition;
}

/**
 * Reads the addon in a folder with addon.yaml and manifest.yaml.
 *
 * @throws UserError exit code 2 when a file is missing or invalid
 */
export function readAddon(folder: string): Addon {
	const file = path.join(folder, 'addon.yaml');
	const read = (name: string) => {
		try {
			return readFileSync(path.join(folder, name), 'utf8');
		} catch (error) {
			throw usageError(
				`Cannot read the addon ${folder}: ${(error as Error).message}.`,
				'An addon is a folder with addon.yaml and manifest.yaml; see docs/addons.md.',
				'addon-unreadable',
			);
		}
	};
	const content = parseYaml(read('addon.yaml'), file, 'typed');
	const definition = readDefinition(content, file, path.basename(path.resolve(folder)));
	return { definition, template: definition.image ? '' : read('manifest.yaml') };
}

/** The addons of kstack that are not part of the node image, by name. */
export async function packagedAddons(): Promise<ReadonlyMap<string, Addon>> {
	const source = path.join(packageRoot, 'addons');
	const folders = (await readdir(source)).filter((folder) =>
		existsSync(path.join(source, folder, 'addon.yaml')),
	);
	const addons = folders.map((folder) => readAddon(path.join(source, folder)));
	return new Map(
		addons.filter(({ definition }) => !definition.image).map((addon) => [addon.definition.name, addon]),
	);
}

/** Renders the manifest. A number or boolean also replaces the quotes around its placeholder. */
export function renderAddon(template: string, values: Values): string {
	return Object.entries(values).reduce((text, [key, value]) => {
		const token = `@@${key}@@`;
		const bare = typeof value === 'string' ? text : text.replaceAll(`"${token}"`, () => String(value));
		return bare.replaceAll(token, () => String(value));
	}, template);
}
