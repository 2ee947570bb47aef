import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { load, YAMLException } from 'js-yaml';
import { refuse, usageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { readValueSpecs, type ValueSpec, type Values } from './addon-values.ts';

/** Who may disable an addon: anyone, only an operator who confirms what breaks, or nobody. */
export type Disable = 'allowed' | 'confirm' | 'never';

/** What an addon.yaml says. */
export interface AddonDefinition {
	/** What clusters call it. */
	readonly name: string;
	readonly description: string;
	/** Whether it comes with the node image, and its manifest from there. */
	readonly image: boolean;
	readonly values: Readonly<Record<string, ValueSpec>>;
	/** Names of addons that must be enabled before this one. */
	readonly needs: readonly string[];
	readonly disable: Disable;
	/** What breaks without it. */
	readonly warning: string;
}

/** An addon as its folder has it. */
export interface Addon {
	readonly definition: AddonDefinition;
	/** The manifest, in which `@@NAME@@` stands for a value. */
	readonly template: string;
}

const keys = ['name', 'description', 'image', 'images', 'values', 'needs', 'disable', 'warning'];
const nameForm = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;

/**
 * The definition in the content of an addon.yaml.
 *
 * @param place   how messages name the file
 * @param folder  the name of its folder, which is the addon's unless the file says another one
 * @throws UserError exit code 2 with every mistake
 */
export function readDefinition(content: unknown, place: string, folder: string): AddonDefinition {
	const mistakes: string[] = [];
	const wrong = (text: string) => mistakes.push(`${place}: ${text}.`);
	const isMapping = typeof content === 'object' && content !== null && !Array.isArray(content);
	if (!isMapping) wrong('must be a mapping');
	const given = (isMapping ? content : {}) as Record<string, unknown>;
	for (const key of Object.keys(given))
		if (!keys.includes(key)) wrong(`unknown key ${key}; known are ${keys.join(', ')}`);
	const { name = folder, description, image = false, needs = [], disable = 'allowed', warning = '' } = given;
	if (typeof name !== 'string' || !nameForm.test(name))
		wrong(`name is ${JSON.stringify(name)}; it must be up to 40 of a-z, 0-9 and -`);
	if (typeof description !== 'string' || description === '') wrong('description is missing');
	if (typeof image !== 'boolean') wrong(`image is ${JSON.stringify(image)}; it must be true or false`);
	if (!Array.isArray(needs) || needs.some((one) => typeof one !== 'string'))
		wrong('needs must be a list of names of addons');
	if (!['allowed', 'confirm', 'never'].includes(disable as string))
		wrong(`disable is ${JSON.stringify(disable)}; it must be allowed, confirm or never`);
	if (typeof warning !== 'string') wrong('warning must be text');
	const values = readValueSpecs(given.values ?? {}, wrong);
	refuse(mistakes);
	return { name, description, image, values, needs, disable, warning } as AddonDefinition;
}

/**
 * The addon in a folder with addon.yaml and manifest.yaml.
 *
 * @throws UserError exit code 2 when a file is missing or wrong
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
	let content: unknown;
	try {
		content = load(read('addon.yaml'));
	} catch (error) {
		if (!(error instanceof YAMLException)) throw error;
		throw usageError(`${file} is not valid YAML: ${error.message}.`);
	}
	const definition = readDefinition(content, file, path.basename(path.resolve(folder)));
	return { definition, template: definition.image ? '' : read('manifest.yaml') };
}

/** The addons that come with kstack and not with a node image, by name. */
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

/** The template with its values: a number or boolean takes the place of its token's quotes too. */
export function renderAddon(template: string, values: Values): string {
	return Object.entries(values).reduce((text, [key, value]) => {
		const token = `@@${key}@@`;
		const bare = typeof value === 'string' ? text : text.replaceAll(`"${token}"`, () => String(value));
		return bare.replaceAll(token, () => String(value));
	}, template);
}
