import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../base/package.ts';
import { similar } from '../../base/similar.ts';
import { sorted, type Tree, type TreeFile } from '../../base/tree.ts';
import { parseYaml } from '../../base/yaml-file.ts';
import { type RoleFile, readRoleFile, standardRole } from './role-file.ts';

/** Where the steps of assembling lie on a node. */
const assemble = 'usr/share/kstack/assemble';

/** The files that every node has from its image. */
const imageFiles = path.join(packageRoot, 'elements/kubernetes-services/static');

/** Files of kstack on a node: those of a role may not take their place. */
const isOurs = (target: string) =>
	/^(etc\/kstack|usr\/share\/kstack)\//.test(target) || existsSync(path.join(imageFiles, target));

/** What a role's folder holds. */
export interface RoleFolder extends RoleFile {
	/** What user-data brings to its nodes: the list of its steps, its own steps, and its files. */
	readonly brings: Tree;
}

const isFolder = (file: string) => existsSync(file) && statSync(file).isDirectory();

/** The files below a folder, whatever links lead to them. */
function filesBelow(folder: string, mistakes: string[]): TreeFile[] {
	if (!isFolder(folder)) return [];
	return readdirSync(folder).flatMap((name) => {
		const file = path.join(folder, name);
		if (isFolder(file))
			return filesBelow(file, mistakes).map((one) => ({ ...one, path: `${name}/${one.path}` }));
		const bytes = readFileSync(file);
		const text = bytes.toString('utf8');
		if (text.includes('\0') || !Buffer.from(text).equals(bytes))
			mistakes.push(`${file} is not text: user-data holds text alone.`);
		return [{ path: name, mode: (statSync(file).mode & 0o100) === 0 ? 0o644 : 0o755, text }];
	});
}

const stepsOfImage = (role: string) =>
	readFileSync(path.join(imageFiles, assemble, 'roles', role), 'utf8')
		.trim()
		.split('\n');

function readSteps(folder: string, mistakes: string[]): TreeFile[] {
	const steps = filesBelow(folder, mistakes);
	for (const { path: name, text } of steps) {
		const wrong = (what: string) => mistakes.push(`${path.join(folder, name)}: ${what}.`);
		if (!/^\d\d-[a-z0-9-]+$/.test(name))
			wrong('the name of a step must be two digits, a hyphen and a word, such as 90-start');
		else if (existsSync(path.join(imageFiles, assemble, 'steps', name)))
			wrong(`the image has a step ${name}: use another name`);
		if (!text.startsWith('#!/bin/bash\n')) wrong('a step must begin with #!/bin/bash');
	}
	return steps;
}

/** The list of steps is that of a minion with the role's own, in the order of their names. */
function stepList(role: string, steps: readonly TreeFile[]): TreeFile {
	const names = [...stepsOfImage(standardRole), ...steps.map((step) => step.path)].sort();
	return { path: `${assemble}/roles/${role}`, mode: 0o644, text: `${names.join('\n')}\n` };
}

/**
 * The role in a folder with role.yaml and, optionally, `steps/` and `files/`.
 *
 * @param packaged  whether the role comes with kstack
 * @param mistakes  gets a sentence for each mistake
 */
export function readRoleFolder(folder: string, packaged: boolean, mistakes: string[]): RoleFolder {
	const file = path.join(folder, 'role.yaml');
	const known = ['role.yaml', 'steps', 'files', 'README.md'];
	for (const name of readdirSync(folder).filter((one) => !known.includes(one) && !one.startsWith('.'))) {
		const meant = similar(name, known);
		mistakes.push(
			`${path.join(folder, name)} is not part of a role: ${meant === undefined ? `it has ${known.join(', ')}.` : `did you mean ${meant}?`}`,
		);
	}
	if (!existsSync(file)) mistakes.push(`${file} is missing: a role is a folder with a role.yaml.`);
	const content = existsSync(file) ? parseYaml(readFileSync(file, 'utf8'), file, 'typed') : undefined;
	const role = readRoleFile(content ?? { description: 'missing' }, file, packaged, mistakes);
	const steps = readSteps(path.join(folder, 'steps'), mistakes);
	const files = filesBelow(path.join(folder, 'files'), mistakes);
	for (const { path: target } of files.filter((one) => isOurs(one.path)))
		mistakes.push(`${path.join(folder, 'files', target)} would replace a file of kstack: use another path.`);
	const own = steps.map((step) => ({ ...step, path: `${assemble}/steps/${step.path}`, mode: 0o755 }));
	const list = role.stepsInImage ? [] : [stepList(path.basename(folder), steps)];
	return { ...role, brings: sorted([...list, ...own, ...files]) };
}
