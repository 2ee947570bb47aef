import { statSync } from 'node:fs';
import path from 'node:path';
import { refuse, UserError } from '../../base/errors.ts';
import { Mapping, repeated } from '../../base/mapping.ts';
import { readYaml } from '../../base/yaml-file.ts';
import { type Choice, catalogue } from './components.ts';
import { ourElements, readElement } from './elements.ts';
import { forms } from './forms.ts';
import { archiveOf, isArchive, referenceForm } from './image-reference.ts';
import { profileFields, profileForms } from './profile-fields.ts';
import { defaultProfile, type Profile, profileNamed, profiles } from './profiles.ts';

const isFile = (word: string) => /\.ya?ml$/.test(word);

/** A release of a component: a version with a known checksum, or a mapping of version and checksum. */
function readChoice(versions: Mapping, name: string, file: string): Choice {
	const known = catalogue().origins[name]?.checksums;
	if (known === undefined)
		versions.addMistake(
			name,
			`is not a component; components are ${Object.keys(catalogue().origins).join(', ')}`,
		);
	if (versions.holdsMapping(name)) {
		const choice = versions.within(name);
		choice.allowOnly('version', 'checksum');
		return {
			version: choice.text('version', forms.version),
			checksum: choice.text('checksum', forms.checksum),
			published: path.basename(file),
		};
	}
	const version = versions.text(name, forms.version);
	if (known !== undefined && version !== '' && known[version] === undefined) {
		versions.addMistake(
			name,
			`is ${version}, whose checksum is unknown: specify { version: ${version}, checksum: sha256:… }, or use one of ${Object.keys(known).join(', ')}`,
		);
	}
	return { version };
}

/** Container images: references, and absolute paths of archives. */
function readImages(words: readonly string[], folder: string, wrong: (says: string) => void): string[] {
	const images = words.map((word) => (isArchive(word) ? path.resolve(folder, word) : word));
	for (const image of images) {
		if (isArchive(image)) {
			if (statSync(image, { throwIfNoEntry: false })?.isFile() !== true)
				wrong(`has ${image}, which does not exist`);
		} else if (!referenceForm.pattern.test(image)) {
			wrong(`has ${image}, which must be ${referenceForm.description}, or a .tar archive of \`docker save\``);
		}
	}
	return images;
}

/** The paths of the folders of custom elements. */
async function readElements(top: Mapping, folder: string): Promise<string[]> {
	const folders = top.texts('elements').map((element) => path.resolve(folder, element));
	const taken = await ourElements();
	for (const element of folders) {
		const name = path.basename(element);
		if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
			top.addMistake(
				'elements',
				`has ${element}, whose name is invalid for diskimage-builder: use a-z, 0-9 and -`,
			);
		if (taken.has(name))
			top.addMistake('elements', `has ${element}, but kimg has an element ${name}: use another name`);
		if (statSync(element, { throwIfNoEntry: false })?.isDirectory() !== true) {
			top.addMistake('elements', `has ${element}, which is not a folder`);
			continue;
		}
		for (const { path: file, text } of await readElement(element))
			if (text.includes('\ufffd'))
				top.addMistake('elements', `has ${file}, which is not a text file: an element can contain only text`);
	}
	return folders;
}

/** The base of a profile; the default profile if it is invalid. */
async function readBase(top: Mapping, file: string, above: readonly string[]): Promise<Profile> {
	const word = top.text('base');
	try {
		if (!isFile(word)) return profileNamed(word === '' ? defaultProfile : word);
		const base = path.resolve(path.dirname(file), word);
		if (!above.includes(base)) return await readOwn(base, top.mistakes, above);
		top.addMistake('base', `is ${word}, which is based on this one`);
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		top.addMistake('base', `is ${word}: ${error.message.replace(/\.$/, '')}`);
	}
	return profileNamed(defaultProfile);
}

async function readOwn(file: string, mistakes: string[], below: readonly string[]): Promise<Profile> {
	const top = new Mapping(readYaml(file), path.relative('', file), mistakes);
	top.allowOnly(...Object.keys(profileFields));
	const folder = path.dirname(file);
	const base = await readBase(top, file, [...below, file]);
	const own = path.basename(file).replace(/\.ya?ml$/, '');
	const name = new Mapping({ name: own }, path.relative('', file), mistakes);
	const said = (top.has('name') ? top : name).text('name', profileForms.name);
	if (profiles.some((profile) => profile.name === said))
		top.addMistake('name', `is ${said}, which is the name of a built-in profile`);
	const versions = top.within('versions');
	const choices = { ...base.choices, ...versions.record((name) => readChoice(versions, name, file)) };
	const profile = {
		...base,
		name: said,
		kubernetes: choices.kubernetes?.version ?? base.kubernetes,
		...(top.has('remark') ? { remark: top.text('remark') } : {}),
		...(top.has('kernelArguments') ? { kernelArguments: top.text('kernelArguments') } : {}),
		choices,
		packages: [...base.packages, ...top.texts('packages', profileForms.package)],
		images: [
			...base.images,
			...readImages(top.texts('images'), folder, (says) => top.addMistake('images', says)),
		],
		elements: [...base.elements, ...(await readElements(top, folder))],
	};
	const names = {
		images: profile.images.map(archiveOf),
		elements: profile.elements.map((one) => path.basename(one)),
	};
	for (const [key, all] of Object.entries(names))
		for (const name of repeated(all)) top.addMistake(key, `has ${name} twice`);
	return profile;
}

/** The images that `--with-image` adds to those of a profile. */
function addImages(profile: Profile, words: readonly string[], mistakes: string[]): Profile {
	if (words.length === 0) return profile;
	const added = readImages(words, '', (says) => mistakes.push(`--with-image ${says}.`));
	for (const name of repeated([...profile.images, ...added].map(archiveOf)))
		mistakes.push(`--with-image has ${name}, which the profile already has.`);
	return { ...profile, images: [...profile.images, ...added] };
}

/**
 * The profile with this name, or in this YAML file.
 *
 * @param withImages  additional container images: references, or archives
 * @throws UserError exit code 2 when it does not exist, or with all mistakes in the file
 */
export async function readProfile(word: string, withImages: readonly string[] = []): Promise<Profile> {
	const mistakes: string[] = [];
	const own = isFile(word) ? await readOwn(path.resolve(word), mistakes, []) : profileNamed(word);
	const profile = addImages(own, withImages, mistakes);
	refuse(mistakes, undefined, 'invalid-profile');
	return profile;
}
