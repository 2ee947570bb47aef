import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { refuse, usageError } from '../../base/errors.ts';
import { matching } from '../../base/forms.ts';
import { Mapping } from '../../base/mapping.ts';
import { forms } from './forms.ts';

/** A Debian package, exactly. */
export interface LockedPackage {
	readonly version: string;
	readonly architecture: string;
	/** Of the .deb; absent if the mirror does not have the installed version. */
	readonly checksum?: string;
}

/** The exact version of a component from upstream. */
export interface LockedComponent {
	readonly version: string;
	readonly url: string;
	readonly checksum: string;
	readonly licence: string;
	/** Checksums of its files by their paths on the node: only in the lock of a built image. */
	readonly files?: Readonly<Record<string, string>>;
}

/** A container image in the node image. */
export interface LockedImage {
	/** The name of its archive on the node. */
	readonly archive: string;
	/** The registry's digest of the name; absent for an archive without it. */
	readonly digest?: string;
	/** Of the archive: in the lock of a built image, and if the operator has given an archive. */
	readonly checksum?: string;
}

/** The exact content of an image. */
export interface Lock {
	/** Version of this package. */
	readonly kimg: string;
	readonly profile: string;
	/** Debian's release, and the date of the archive from which the packages were installed. */
	readonly debian: { readonly release: string; readonly date: string };
	/** Digest of the rendered elements. */
	readonly elements: string;
	readonly components: Readonly<Record<string, LockedComponent>>;
	/** Container images, by the references that pods use. */
	readonly images: Readonly<Record<string, LockedImage>>;
	readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Digest of a text, as `sha256:9f86…`. */
export function digestOfText(text: string): string {
	return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** The text of a lock file, the same for equal locks. */
export function lockText(lock: Lock): string {
	return `${JSON.stringify(lock, undefined, 2)}\n`;
}

const date = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a date such as 2026-11-21T10:00:00Z');

function readComponent(component: Mapping): LockedComponent {
	component.allowOnly('version', 'url', 'checksum', 'licence', 'files');
	const files = component.within('files');
	return {
		version: component.text('version'),
		url: component.text('url'),
		checksum: component.text('checksum', forms.checksum),
		licence: component.text('licence'),
		...(component.has('files') ? { files: files.record((file) => files.text(file, forms.checksum)) } : {}),
	};
}

function readPackage(one: Mapping): LockedPackage {
	one.allowOnly('version', 'architecture', 'checksum');
	return {
		version: one.text('version'),
		architecture: one.text('architecture'),
		...(one.has('checksum') ? { checksum: one.text('checksum', forms.checksum) } : {}),
	};
}

function readImage(image: Mapping): LockedImage {
	image.allowOnly('archive', 'digest', 'checksum');
	return {
		archive: image.text('archive', forms.fileName),
		...(image.has('digest') ? { digest: image.text('digest', forms.digest) } : {}),
		...(image.has('checksum') ? { checksum: image.text('checksum', forms.checksum) } : {}),
	};
}

/**
 * Reads a lock.
 *
 * @throws UserError exit code 2 when it is invalid, with all mistakes
 */
export async function readLock(file: string): Promise<Lock> {
	let content: unknown;
	try {
		content = JSON.parse(await readFile(file, 'utf8'));
	} catch (error) {
		throw usageError(
			`${file} cannot be read as a lock: ${(error as Error).message}`,
			'kimg lock writes one.',
		);
	}
	const top = new Mapping(content, file);
	top.allowOnly('kimg', 'profile', 'debian', 'elements', 'components', 'images', 'packages');
	const [debian, components, images, packages] = ['debian', 'components', 'images', 'packages'].map((key) =>
		top.within(key),
	) as [Mapping, Mapping, Mapping, Mapping];
	const lock = {
		kimg: top.text('kimg'),
		profile: top.text('profile'),
		debian: { release: debian.text('release'), date: debian.text('date', date) },
		elements: top.text('elements', forms.checksum),
		components: components.record((name) => readComponent(components.within(name))),
		images: images.record((name) => readImage(images.within(name))),
		packages: packages.record((name) => readPackage(packages.within(name))),
	};
	refuse(top.mistakes);
	return lock;
}

type Named<Value> = Readonly<Record<string, Value>>;

/** A sentence for each name with different values, or that only one of the two has. */
function compare<Value>(
	what: string,
	locked: Named<Value>,
	found: Named<Value>,
	say: (value: Value) => string,
) {
	return [...new Set([...Object.keys(locked), ...Object.keys(found)])].sort().flatMap((name) => {
		const [one, other] = [locked[name], found[name]].map((value) =>
			value === undefined ? 'none' : say(value),
		);
		return one === other ? [] : [`${what} ${name}: the lock has ${one}, found ${other}`];
	});
}

/** The files of components, if both locks have them. */
function filesOfBoth(locked: Lock, found: Lock): [Named<string>, Named<string>] {
	const names = Object.keys(locked.components).filter(
		(name) => locked.components[name]?.files && found.components[name]?.files,
	);
	const files = ({ components }: Lock) => Object.assign({}, ...names.map((name) => components[name]?.files));
	return [files(locked), files(found)];
}

/** Images, with the checksums of their archives if both locks have them. */
function imagesOfBoth(locked: Lock, found: Lock): [Named<LockedImage>, Named<LockedImage>] {
	const known = (name: string) =>
		[locked, found].every(({ images }) => images[name] === undefined || images[name].checksum !== undefined);
	const images = (lock: Lock) =>
		Object.fromEntries(
			Object.entries(lock.images).map(([name, { checksum, ...image }]) => [
				name,
				checksum !== undefined && known(name) ? { ...image, checksum } : image,
			]),
		);
	return [images(locked), images(found)];
}

const imageText = ({ archive, digest, checksum }: LockedImage) =>
	[
		archive,
		...(digest === undefined ? [] : [digest]),
		...(checksum === undefined ? [] : [`(${checksum})`]),
	].join(' ');

/**
 * The differences between two locks, except the date of the archive and the version of kimg.
 *
 * @returns a line for each difference
 */
export function differences(locked: Lock, found: Lock): string[] {
	const top = ({ profile, debian, elements }: Lock) => ({ profile, release: debian.release, elements });
	const packageText = ({ version, architecture, checksum }: LockedPackage) =>
		[version, architecture, ...(checksum === undefined ? [] : [checksum])].join(' ');
	return [
		...compare('the', top(locked), top(found), (text) => text),
		...compare('component', locked.components, found.components, (one) => `${one.version} ${one.checksum}`),
		...compare('file', ...filesOfBoth(locked, found), (checksum) => checksum),
		...compare('container image', ...imagesOfBoth(locked, found), imageText),
		...compare('package', locked.packages, found.packages, packageText),
	];
}
