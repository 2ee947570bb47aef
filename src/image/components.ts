import path from 'node:path';
import { refuse } from '../errors.ts';
import { packageRoot } from '../package.ts';
import { type Form, forms, Mapping, readYaml } from './mapping.ts';

/** A file of an upstream project, pinned: what is fetched is this or nothing. */
export interface Component {
	readonly name: string;
	readonly version: string;
	readonly url: string;
	/** Algorithm and hexadecimal digest, such as `sha256:9f86…`. */
	readonly checksum: string;
	/** Where the checksum is published. */
	readonly published: string;
	readonly licence: string;
	/** How its parts lie on a node: members of the archive, or the file itself as `''`, to folders. */
	readonly layout: Readonly<Record<string, string>>;
}

/** What goes together with one release of Kubernetes: its own programs, and what it needs beside them. */
export interface ReleaseLine {
	/** Upstream's release that `--kubernetes-source upstream` fetches. */
	readonly kubernetes: Component;
	/** etcd, container runtime and network plugins, as upstream releases them. */
	readonly companions: readonly Component[];
	/** References of container images. */
	readonly pauseImage: string;
	readonly dnsImage: string;
	/** Network drivers whose manifests the image carries beside `routed`, with the versions of their images. */
	readonly networks: Readonly<Record<string, Readonly<Record<string, string>>>>;
	/** Manifests that are fetched, by the name of the addon they belong to. */
	readonly manifests: Readonly<Record<string, Component>>;
}

/** Another release of a component than the line's: with a checksum where components.yaml has none of it. */
export interface Choice {
	readonly version: string;
	readonly checksum?: string;
	/** Where the choice stands. */
	readonly published?: string;
}

/** Choices by the name of the component. */
export type Choices = Readonly<Record<string, Choice>>;

/** What components.yaml says of a component, for whichever release. */
interface Origin {
	readonly url: string;
	readonly published: string;
	readonly licence: string;
	readonly layout: Readonly<Record<string, string>>;
	readonly addon: string | undefined;
	/** Of each release that is known. */
	readonly checksums: Readonly<Record<string, string>>;
}

interface Line {
	/** The first minor version of Kubernetes 1 that is beyond it. */
	readonly before: number;
	readonly profiles: readonly string[];
	readonly versions: Readonly<Record<string, string>>;
	readonly pauseImage: string;
	readonly dnsImage: string;
	readonly networks: ReleaseLine['networks'];
}

/** The whole of components.yaml. */
export interface Catalogue {
	readonly origins: Readonly<Record<string, Origin>>;
	readonly lines: readonly Line[];
}

/** Minor version of Kubernetes, 20 of 1.20.2. */
export const minorOf = (version: string) => Number(version.split('.')[1]);

const reference = {
	pattern: /^[a-z0-9.-]+\/[\w./-]+:v?[\w.-]+$/,
	words: 'an image with its registry and tag',
};
const address = {
	pattern: /^https:\/\/\S*\{version\}\S*$/,
	words: 'an https:// address with {version} in it',
};
const folder = { pattern: /^\/usr\/[\w./-]+$/, words: 'a place below /usr' };

function textsOf(mapping: Mapping, form?: Form): Record<string, string> {
	return mapping.record((key) => mapping.text(key, form));
}

function readOrigin(origin: Mapping): Origin {
	origin.only('licence', 'url', 'published', 'addon', 'layout', 'checksums');
	const checksums = origin.within('checksums');
	for (const version of checksums.keys)
		if (!forms.version.pattern.test(version)) checksums.wrong(version, `is not ${forms.version.words}`);
	return {
		licence: origin.text('licence'),
		url: origin.text('url', address),
		published: origin.text('published'),
		addon: origin.has('addon') ? origin.text('addon') : undefined,
		layout: textsOf(origin.within('layout'), folder),
		checksums: textsOf(checksums, forms.checksum),
	};
}

function readLine(line: Mapping, origins: Catalogue['origins']): Line {
	line.only('before', 'profiles', 'versions', 'pauseImage', 'dnsImage', 'networks');
	const chosen = line.within('versions');
	const versions = textsOf(chosen, forms.version);
	if (!chosen.has('kubernetes')) chosen.wrong('kubernetes', 'is missing');
	for (const [name, version] of Object.entries(versions)) {
		if (origins[name] === undefined) chosen.wrong(name, 'is none of the components');
		else if (origins[name].checksums[version] === undefined)
			chosen.wrong(name, `is ${version}, whose checksum is not among its checksums`);
	}
	const networks = line.within('networks');
	return {
		before: line.has('before') ? minorOf(line.text('before', forms.version)) : Number.POSITIVE_INFINITY,
		profiles: line.texts('profiles'),
		versions,
		pauseImage: line.text('pauseImage', reference),
		dnsImage: line.text('dnsImage', reference),
		networks: networks.record((name) => textsOf(networks.within(name))),
	};
}

/**
 * Reads the content of a file such as components.yaml.
 *
 * @throws UserError exit code 2, with every mistake in it
 */
export function readCatalogue(content: unknown, file: string): Catalogue {
	const top = new Mapping(content, file);
	top.only('components', 'lines');
	const components = top.within('components');
	const origins = Object.fromEntries(
		components.keys.map((name) => [name, readOrigin(components.within(name))]),
	);
	const lines = top.each('lines').map((line) => readLine(line, origins));
	if (lines.at(-1)?.before !== Number.POSITIVE_INFINITY)
		top.wrong('lines', 'must end with one that has no `before`: it takes every later release');
	refuse(top.mistakes);
	return { origins, lines };
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

/**
 * The line whose components suit a release of Kubernetes.
 *
 * @param choices  releases to take in place of the line's own
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
		pauseImage: line.pauseImage,
		dnsImage: line.dnsImage,
		networks: {
			...line.networks,
			// An addon's container images are of the release that its manifest is of.
			...Object.fromEntries(
				Object.entries(manifests).map(([addon, { version }]) => [addon, { release: `v${version}` }]),
			),
		},
		manifests,
	};
}
