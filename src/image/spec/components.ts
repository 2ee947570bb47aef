import path from 'node:path';
import { refuse } from '../../base/errors.ts';
import { matching, type TextForm } from '../../base/forms.ts';
import { Mapping } from '../../base/mapping.ts';
import { packageRoot } from '../../base/package.ts';
import { readYaml } from '../../base/yaml-file.ts';
import { forms } from './forms.ts';

/** A file of an upstream project, pinned by its checksum. */
export interface Component {
	readonly name: string;
	readonly version: string;
	readonly url: string;
	/** Algorithm and hexadecimal digest, such as `sha256:9f86…`. */
	readonly checksum: string;
	/** Where the checksum is published. */
	readonly published: string;
	readonly licence: string;
	/** Folders on the node, by members of the archive; `''` is the file itself. */
	readonly layout: Readonly<Record<string, string>>;
}

/** A container image of an upstream project, pinned if it has a digest. */
export interface ContainerImage {
	/** The reference that pods use: registry, repository and tag, such as `registry.k8s.io/pause:3.10.1`. */
	readonly reference: string;
	/** The registry's digest of the tag, such as `sha256:9f86…`; absent where none is published. */
	readonly digest?: string;
	/** Where the digest is published. */
	readonly published?: string;
}

/** The compatible components of one release of Kubernetes. */
export interface ReleaseLine {
	/** Upstream's release that `--kubernetes-source upstream` fetches. */
	readonly kubernetes: Component;
	/** etcd, container runtime and network plugins, as upstream releases them. */
	readonly companions: readonly Component[];
	/** Container images that every node needs, and those of the network drivers, by their names here. */
	readonly images: Readonly<Record<string, ContainerImage>>;
	/** Names of the images of each network driver with a manifest in the image. */
	readonly networks: Readonly<Record<string, readonly string[]>>;
	/** Manifests that are fetched, by the name of the addon they belong to. */
	readonly manifests: Readonly<Record<string, Component>>;
}

/** A different release of a component, with a checksum if components.yaml has none. */
export interface Choice {
	readonly version: string;
	readonly checksum?: string;
	/** The file that contains the choice, for messages. */
	readonly published?: string;
}

/** Choices by the name of the component. */
export type Choices = Readonly<Record<string, Choice>>;

/** A component in components.yaml, for any release. */
interface Origin {
	readonly url: string;
	readonly published: string;
	readonly licence: string;
	readonly layout: Readonly<Record<string, string>>;
	readonly addon: string | undefined;
	/** By known release. */
	readonly checksums: Readonly<Record<string, string>>;
}

/** A container image in components.yaml, for any tag. */
interface ImageOrigin {
	readonly repository: string;
	readonly published: string | undefined;
	/** By tag, if its digest is known. */
	readonly digests: Readonly<Record<string, string>>;
}

/** Tags by the names of images. */
type Tags = Readonly<Record<string, string>>;

interface Line {
	/** The first minor version of Kubernetes 1 that is not included. */
	readonly before: number;
	readonly profiles: readonly string[];
	readonly versions: Readonly<Record<string, string>>;
	readonly images: Tags;
	readonly networks: Readonly<Record<string, Tags>>;
}

/** The content of components.yaml. */
export interface Catalogue {
	readonly origins: Readonly<Record<string, Origin>>;
	readonly images: Readonly<Record<string, ImageOrigin>>;
	readonly lines: readonly Line[];
}

/** The name of the pause image, which holds the namespaces of a pod. */
export const pauseImage = ({ images }: ReleaseLine) => (images.pause as ContainerImage).reference;

/** Minor version of Kubernetes: 20 for 1.20.2. */
export const minorOf = (version: string) => Number(version.split('.')[1]);

const repository = matching(
	/^[a-z0-9.-]+\.[a-z]+(\/[a-z0-9._-]+)+$/,
	'a repository with its registry, such as quay.io/calico/node',
);
const tag = matching(/^[\w.{}-]+$/, 'the tag of an image');
const address = matching(/^https:\/\/\S*\{version\}\S*$/, 'an https:// address with {version} in it');
const folder = matching(/^\/usr\/[\w./-]+$/, 'a place below /usr');

function textsOf(mapping: Mapping, form?: TextForm): Record<string, string> {
	return mapping.record((key) => mapping.text(key, form));
}

function readOrigin(origin: Mapping): Origin {
	origin.allowOnly('licence', 'url', 'published', 'addon', 'layout', 'checksums');
	const checksums = origin.within('checksums');
	for (const version of checksums.keys)
		if (!forms.version.pattern.test(version))
			checksums.addMistake(version, `is not ${forms.version.description}`);
	return {
		licence: origin.text('licence'),
		url: origin.text('url', address),
		published: origin.text('published'),
		addon: origin.has('addon') ? origin.text('addon') : undefined,
		layout: textsOf(origin.within('layout'), folder),
		checksums: textsOf(checksums, forms.checksum),
	};
}

function readImage(image: Mapping): ImageOrigin {
	image.allowOnly('repository', 'published', 'digests');
	const digests = image.within('digests');
	return {
		repository: image.text('repository', repository),
		published: image.has('published') || image.has('digests') ? image.text('published') : undefined,
		digests: textsOf(digests, forms.digest),
	};
}

/** Tags of images, with the releases of the line's components filled in. */
function readTags(tags: Mapping, images: Catalogue['images'], versions: Line['versions']): Tags {
	for (const name of tags.keys)
		if (images[name] === undefined) tags.addMistake(name, 'is none of the images');
	return tags.record((name) => {
		const text = tags.text(name, tag);
		const [, of] = /\{(.*?)\}/.exec(text) ?? [];
		if (of !== undefined && versions[of] === undefined)
			tags.addMistake(name, `is ${text}, but the line has no version of ${of}`);
		return text;
	});
}

function readLine(line: Mapping, { origins, images }: Omit<Catalogue, 'lines'>): Line {
	line.allowOnly('before', 'profiles', 'versions', 'images', 'networks');
	const chosen = line.within('versions');
	const versions = textsOf(chosen, forms.version);
	if (!chosen.has('kubernetes')) chosen.addMistake('kubernetes', 'is missing');
	for (const [name, version] of Object.entries(versions)) {
		if (origins[name] === undefined) chosen.addMistake(name, 'is none of the components');
		else if (origins[name].checksums[version] === undefined)
			chosen.addMistake(name, `is ${version}, whose checksum is not among its checksums`);
	}
	const networks = line.within('networks');
	const commonImages = line.within('images');
	for (const name of ['pause', 'coredns'])
		if (!commonImages.has(name)) commonImages.addMistake(name, 'is missing: every node needs it');
	return {
		before: line.has('before') ? minorOf(line.text('before', forms.version)) : Number.POSITIVE_INFINITY,
		profiles: line.texts('profiles'),
		versions,
		images: readTags(commonImages, images, versions),
		networks: networks.record((name) => readTags(networks.within(name), images, versions)),
	};
}

/**
 * Reads the content of a file such as components.yaml.
 *
 * @throws UserError exit code 2, with all mistakes
 */
export function readCatalogue(content: unknown, file: string): Catalogue {
	const top = new Mapping(content, file);
	top.allowOnly('components', 'images', 'lines');
	const [components, all] = [top.within('components'), top.within('images')];
	const origins = components.record((name) => readOrigin(components.within(name)));
	const images = all.record((name) => readImage(all.within(name)));
	const lines = top.each('lines').map((line) => readLine(line, { origins, images }));
	if (lines.at(-1)?.before !== Number.POSITIVE_INFINITY)
		top.addMistake('lines', 'must end with one that has no `before`: it takes every later release');
	refuse(top.mistakes);
	return { origins, images, lines };
}

let read: Catalogue | undefined;

/** components.yaml of this package, read once. */
export function catalogue(): Catalogue {
	const file = path.join(packageRoot, 'components.yaml');
	read ??= readCatalogue(readYaml(file), file);
	return read;
}

function component(name: string, { version, checksum, published }: Choice): Component {
	const origin = catalogue().origins[name] as Origin;
	const fill = (text: string) =>
		text.replaceAll('{version}', version).replaceAll('{minor}', version.split('.').slice(0, 2).join('.'));
	return {
		name,
		version,
		url: fill(origin.url),
		checksum: checksum ?? (origin.checksums[version] as string),
		published: published ?? fill(origin.published),
		licence: origin.licence,
		layout: Object.fromEntries(Object.entries(origin.layout).map(([part, place]) => [fill(part), place])),
	};
}

/** Images by name, from tags with placeholders for the releases of components. */
function imagesOf(tags: Tags, components: readonly Component[]): ReleaseLine['images'] {
	const version = (of: string) => components.find(({ name }) => name === of)?.version as string;
	const images = Object.entries(tags).map(([name, text]) => {
		const tag = text.replace(/\{(.*?)\}/, (_, of: string) => version(of));
		const { repository, published, digests } = catalogue().images[name] as ImageOrigin;
		const digest = digests[tag];
		const known = digest === undefined ? {} : { digest, published: published as string };
		return [name, { reference: `${repository}:${tag}`, ...known }] as const;
	});
	return Object.fromEntries(images);
}

/**
 * The release line with compatible components for a release of Kubernetes.
 *
 * @param choices  releases that replace those of the line
 */
export function lineFor(kubernetes: string, choices: Choices = {}): ReleaseLine {
	const { origins, lines } = catalogue();
	const line = lines.find(({ before }) => minorOf(kubernetes) < before) as Line;
	const components = Object.entries(line.versions).map(([name, version]) =>
		component(name, choices[name] ?? { version }),
	);
	const addonOf = ({ name }: Component) => origins[name]?.addon;
	const manifests = Object.fromEntries(
		components.flatMap((one) => (addonOf(one) === undefined ? [] : [[addonOf(one) as string, one]])),
	);
	return {
		kubernetes: components.find(({ name }) => name === 'kubernetes') as Component,
		companions: components.filter((one) => one.name !== 'kubernetes' && addonOf(one) === undefined),
		images: imagesOf(Object.assign({}, line.images, ...Object.values(line.networks)), components),
		networks: Object.fromEntries(
			Object.entries(line.networks).map(([network, tags]) => [network, Object.keys(tags)]),
		),
		manifests,
	};
}
