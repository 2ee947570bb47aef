import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readText } from '../../base/read-text.ts';
import { readTree, replaceTree } from '../../base/tree.ts';
import { readParameters, type StackDirectory, setValues, writeTemplates } from '../heat/directory.ts';
import { setPoolCounts, syncParameters, wantedPoolCounts } from '../heat/pool-files.ts';
import type { Stack } from '../heat/stack.ts';
import type { Settings } from '../spec/config.ts';
import { comparable, textOf } from '../spec/heat-values.ts';
import { type Parameters, parametersOf, settingsOf } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';
import { settings } from '../spec/settings.ts';
import { declared, type StackChange } from './stack-change.ts';

/**
 * Writes the new values of the stack to the files of the stack directory, so that they differ from the stack only by
 * the next edit. On an error, the files are restored.
 *
 * @returns a function that restores the files
 */
export async function writeBack(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	requested: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
	const undo: (() => Promise<void>)[] = [];
	const restore = async () => {
		for (const step of undo.reverse()) await step();
	};
	try {
		await writeFiles(stack, directory, change, requested, undo);
	} catch (error) {
		await restore();
		throw error;
	}
	return restore;
}

/** @param undo  receives a function that restores each file, before the file is written */
async function writeFiles(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	requested: Readonly<Record<string, string>>,
	undo: (() => Promise<void>)[],
): Promise<void> {
	const remember = async (file: string) => {
		const text = await readText(file);
		undo.push(() => writeFile(file, text));
	};
	const wanted: Settings = { ...settingsOf(stack.parameters), ...change.settings };
	const keys = settings.filter(({ key, fixed }) => !fixed || change.settings[key] !== undefined);
	const values = Object.fromEntries(keys.map(({ key }) => [key, wanted[key] ?? '']));
	if (existsSync(directory.cluster)) {
		await remember(directory.cluster);
		await setValues(directory.cluster, '', values);
		await setPoolCounts(directory.cluster, wantedPoolCounts({ ...stack.parameters, ...requested }));
	}
	if (existsSync(directory.parameters)) {
		await remember(directory.parameters);
		if (change.templates !== undefined) {
			const ofPools = Object.entries(requested).filter(([name]) => isOfPool(name, change.parameters));
			const known = declared(stack, change.templates);
			await syncParameters(directory.parameters, Object.fromEntries(ofPools), known);
		}
		const { recorded_settings: _, ...parameters } = parametersOf(
			Object.fromEntries(Object.entries(values).filter(([key]) => isDirect(key))),
		);
		await setValues(directory.parameters, '  ', {
			...(change.templates === undefined ? {} : await changedElsewhere(stack, directory)),
			...poolCounts(stack.parameters),
			...requested,
			...(parameters as Settings),
			// During an upgrade, the counts of this step override those of the settings: Heat reads this file last.
			...countsAmong(change.parameters ?? {}),
		});
	}
	if (change.templates !== undefined && existsSync(directory.path)) {
		const heat = path.dirname(directory.template);
		const present = existsSync(heat) ? await readTree(heat) : [];
		undo.push(() => replaceTree(heat, present));
		await writeTemplates(directory, change.templates);
	}
}

/** Whether a parameter belongs to the additional pools that a change names. */
function isOfPool(parameter: string, changed: Parameters = {}): boolean {
	if (parameter === 'pools') return true;
	const names = Object.keys(recordsOf(changed));
	const own = names.flatMap((name) =>
		['count', 'image', 'flavor', 'availability_zone'].map((what) => `${name}_${what}`),
	);
	return own.includes(parameter);
}

/** The counts of the additional pools, which another client may have changed. */
const poolCounts = (parameters: Parameters) =>
	countsAmong(
		Object.fromEntries(
			Object.keys(recordsOf(parameters)).map((name) => [`${name}_count`, parameters[`${name}_count`]]),
		),
	);

/** Those of the parameters that are counts. */
const countsAmong = (parameters: Parameters) =>
	Object.fromEntries(
		Object.entries(parameters)
			.filter(([name]) => name.endsWith('_count'))
			.map(([name, value]) => [name, Number(value)]),
	);

const isDirect = (key: string) => settings.find((setting) => setting.key === key)?.direct === true;

/** Parameters that another client has changed in the stack: the old values in parameters.yaml would undo that. */
async function changedElsewhere(stack: Stack, directory: StackDirectory): Promise<Record<string, string>> {
	const file = (await readParameters(directory)) ?? {};
	return Object.fromEntries(
		Object.entries(file).flatMap(([name, value]) => {
			const now = stack.parameters[name];
			return now === undefined || comparable(now) === comparable(value) ? [] : [[name, textOf(now)]];
		}),
	);
}
