import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { collect } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { similar } from '../../base/similar.ts';
import { sorted, type Tree, type TreeFile } from '../../base/tree.ts';
import { parseYaml } from '../../base/yaml-file.ts';
import { type RoleFile, readRoleFile, standardRole } from './role-file.ts';

/** The folder of the steps on a node. */
const assemble = 'usr/share/kstack/assemble';

/** The files of kstack in every node image. */
const imageFiles = path.join(packageRoot, 'elements/kubernetes-services/static');

/** Whether a path belongs to kstack, so that a role must not replace the file. */
const isReserved = (target: string) =>
	/^(etc\/kstack|usr\/share\/kstack)\//.test(target) || existsSync(path.join(imageFiles, target));

/** The content of a role's folder. */
export interface RoleFolder extends RoleFile {
	/** Files that user-data writes on its nodes: the list of its steps, its own steps, and its files. */
	readonly userDataFiles: Tree;
}

/** Maximum size of a file of a role in bytes: Nova's limit for user-data. */
const maxFileSize = 65_536;

const statOf = (file: string) => statSync(file, { throwIfNoEntry: false });

/** The text of a file. Checks first that it is a regular file of limited size. */
function readTextFile(file: string, mistakes: string[]): string {
	const stats = statOf(file);
	if (stats?.isFile() !== true || stats.size > maxFileSize) {
		mistakes.push(`${file} must be a file of at most ${maxFileSize / 1024} KiB.`);
		return '';
	}
	const bytes = readFileSync(file);
	const text = bytes.toString('utf8');
	if (text.includes('\0') || !Buffer.from(text).equals(bytes))
		mistakes.push(`${file} is not a text file: user-data can contain only text.`);
	return text;
}

/** All files below a folder; symbolic links are followed. */
function filesBelow(folder: string, mistakes: string[], names = readdirSync(folder)): TreeFile[] {
	return names.flatMap((name) => {
		const file = path.join(folder, name);
		const stats = statOf(file);
		if (stats?.isDirectory())
			return filesBelow(file, mistakes).map((one) => ({ ...one, path: `${name}/${one.path}` }));
		const text = readTextFile(file, mistakes);
		return [{ path: name, mode: ((stats?.mode ?? 0) & 0o100) === 0 ? 0o644 : 0o755, text }];
	});
}

/**
 * The files below a folder of a role, which need not exist.
 *
 * @param takes  whether to include a file or folder
 */
function filesOf(folder: string, mistakes: string[], takes = (_: string) => true): TreeFile[] {
	if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return [];
	if (statOf(folder)?.isDirectory()) return filesBelow(folder, mistakes, readdirSync(folder).filter(takes));
	mistakes.push(`${folder} must be a folder.`);
	return [];
}

const stepsOfImage = (role: string) =>
	readFileSync(path.join(imageFiles, assemble, 'roles', role), 'utf8')
		.trim()
		.split('\n');

function readSteps(folder: string, mistakes: string[]): TreeFile[] {
	// Without hidden files, such as .gitkeep.
	const steps = filesOf(folder, mistakes, (name) => !name.startsWith('.'));
	for (const { path: name, text } of steps) {
		const wrong = (what: string) => mistakes.push(`${path.join(folder, name)}: ${what}.`);
		if (!/^\d\d-[a-z0-9-]+$/.test(name))
			wrong('the name of a step must be two digits, a hyphen and a word, such as 90-start');
		else if (existsSync(path.join(imageFiles, assemble, 'steps', name)))
			wrong(`the image has a step ${name}: use another name`);
		if (text.includes('\r')) wrong('a step must have LF line ends, and this has CRLF');
		else if (!text.startsWith('#!/bin/bash\n')) wrong('a step must begin with #!/bin/bash');
	}
	return steps;
}

/** The list of steps: those of a minion and of the role, in the order of their names. */
function stepList(role: string, steps: readonly TreeFile[]): TreeFile {
	const names = [...stepsOfImage(standardRole), ...steps.map((step) => step.path)].sort();
	return { path: `${assemble}/roles/${role}`, mode: 0o644, text: `${names.join('\n')}\n` };
}

/**
 * Reads the role in a folder with role.yaml and, optionally, `steps/` and `files/`.
 *
 * @param packaged  whether it is a role of kstack
 * @param mistakes  receives a sentence for each mistake
 */
export function readRoleFolder(folder: string, packaged: boolean, mistakes: string[]): RoleFolder {
	const file = path.join(folder, 'role.yaml');
	const known = ['role.yaml', 'steps', 'files', 'README.md'];
	for (const name of readdirSync(folder).filter((one) => !known.includes(one) && !one.startsWith('.'))) {
		const suggestion = similar(name, known);
		mistakes.push(
			`${path.join(folder, name)} is not part of a role: ${suggestion === undefined ? `it has ${known.join(', ')}.` : `did you mean ${suggestion}?`}`,
		);
	}
	if (!existsSync(file)) mistakes.push(`${file} is missing: a role is a folder with a role.yaml.`);
	const content = existsSync(file)
		? collect(mistakes, () => parseYaml(readTextFile(file, mistakes), file, 'typed'))
		: undefined;
	const role = readRoleFile(content ?? { description: 'missing' }, file, packaged, mistakes);
	const steps = readSteps(path.join(folder, 'steps'), mistakes);
	const files = filesOf(path.join(folder, 'files'), mistakes);
	for (const { path: target } of files.filter((one) => isReserved(one.path)))
		mistakes.push(`${path.join(folder, 'files', target)} would replace a file of kstack: use another path.`);
	const own = steps.map((step) => ({ ...step, path: `${assemble}/steps/${step.path}`, mode: 0o755 }));
	const list = role.stepsInImage ? [] : [stepList(path.basename(folder), steps)];
	return { ...role, userDataFiles: sorted([...list, ...own, ...files]) };
}
