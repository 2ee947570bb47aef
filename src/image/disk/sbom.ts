import path from 'node:path';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import { packageVersion } from '../../base/package.ts';
import { hasRegistry, partsOf } from '../spec/image-reference.ts';
import type { Lock, LockedComponent } from '../spec/lock.ts';
import type { InstalledPackage } from './disk-packages.ts';
import type { Inspection } from './inspect.ts';

const algorithms: Readonly<Record<string, Enums.HashAlgorithm>> = {
	sha256: Enums.HashAlgorithm['SHA-256'],
	sha512: Enums.HashAlgorithm['SHA-512'],
};

/** A checksum such as `sha256:9f86…` in the format of CycloneDX; none if CycloneDX does not support the algorithm. */
function hashes(checksum: string | undefined): Models.HashDictionary {
	const [algorithm = '', digest = ''] = (checksum ?? '').split(':');
	const known = algorithms[algorithm];
	return new Models.HashDictionary(known === undefined ? [] : [[known, digest]]);
}

const licences = (licence: string | null | undefined) =>
	new Models.LicenseRepository(licence ? [new Models.SpdxLicense(licence)] : []);

/** A Debian package, with the identifiers that vulnerability scanners use; its hash is that of the `.deb`. */
function debianPackage(
	{ name, version, architecture, source }: InstalledPackage,
	debian: string | null,
	lock: Lock | undefined,
): Models.Component {
	const qualifiers = {
		arch: architecture,
		...(debian === null ? {} : { distro: `debian-${debian}` }),
		...(source === null ? {} : { upstream: source }),
	};
	const purl = new PackageURL('deb', 'debian', name, version, qualifiers, undefined).toString();
	return new Models.Component(Enums.ComponentType.Library, name, {
		version,
		purl,
		bomRef: purl,
		hashes: hashes(lock?.packages[name]?.checksum),
	});
}

/** The files of a component on the disk. */
const filesOf = (locked: LockedComponent | undefined) =>
	Object.entries(locked?.files ?? {}).map(
		([file, checksum]) =>
			new Models.Component(Enums.ComponentType.File, file, {
				bomRef: `file:${file}`,
				hashes: hashes(checksum),
			}),
	);

/** An upstream component; its hash is that of the downloaded file. */
function upstream(
	one: Inspection['components'][number],
	locked: LockedComponent | undefined,
): Models.Component {
	const { name, version, licence } = one;
	const qualifiers =
		locked === undefined ? undefined : { download_url: locked.url, checksum: locked.checksum };
	const purl = new PackageURL('generic', undefined, name, version, qualifiers, undefined).toString();
	const addresses = locked === undefined ? [] : [locked.url];
	return new Models.Component(Enums.ComponentType.Application, name, {
		version,
		purl,
		bomRef: purl,
		hashes: hashes(locked?.checksum),
		licenses: licences(licence),
		externalReferences: new Models.ExternalReferenceRepository(
			addresses.map((url) => new Models.ExternalReference(url, Enums.ExternalReferenceType.Distribution)),
		),
		components: new Models.ComponentRepository(filesOf(locked)),
	});
}

/** A container image in the node image, without its content. */
function containerImage({ name, digest }: Inspection['containerImages'][number]): Models.Component {
	const { repository, tag } = hasRegistry(name) ? partsOf(name) : { repository: undefined, tag: undefined };
	const purl =
		repository === undefined || digest === null
			? undefined
			: new PackageURL(
					'oci',
					undefined,
					path.posix.basename(repository),
					digest,
					{ arch: 'amd64', repository_url: repository, ...(tag === undefined ? {} : { tag }) },
					undefined,
				).toString();
	return new Models.Component(Enums.ComponentType.Container, repository ?? name, {
		bomRef: `container-image:${name}`,
		hashes: hashes(digest ?? undefined),
		...(tag === undefined ? {} : { version: tag }),
		...(purl === undefined ? {} : { purl }),
	});
}

/** kimg, as the tool that created the SBOM. */
const tool = () =>
	new Models.Component(Enums.ComponentType.Application, 'kimg', {
		version: packageVersion(),
		bomRef: 'kimg',
	});

/**
 * An image's software bill of materials: CycloneDX 1.6 as JSON. It is reproducible: it contains no
 * time and no random number.
 *
 * @param lock  the image's, for addresses and checksums
 */
export function billOfMaterials(inspection: Inspection, lock?: Lock): string {
	const { profile, kubernetes, debian, snapshot } = inspection;
	const image = new Models.Component(Enums.ComponentType.Platform, profile ?? inspection.file, {
		bomRef: 'image',
		...(kubernetes === null ? {} : { version: kubernetes }),
		description: 'Disk image of a Kubernetes node',
	});
	const system = new Models.Component(Enums.ComponentType.OperatingSystem, 'debian', {
		bomRef: 'debian',
		...(debian === null ? {} : { version: debian }),
	});
	const components = [
		system,
		...inspection.components.map((one) => upstream(one, lock?.components[one.name])),
		...inspection.containerImages.map(containerImage),
		...inspection.packages.map((one) => debianPackage(one, debian, lock)),
	];
	for (const { bomRef } of components) image.dependencies.add(bomRef);
	const bill = new Models.Bom({
		components: new Models.ComponentRepository(components),
		metadata: new Models.Metadata({
			component: image,
			tools: new Models.Tools({ components: new Models.ComponentRepository([tool()]) }),
			...(snapshot === null ? {} : { timestamp: new Date(snapshot) }),
		}),
	});
	const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
	return serializer.serialize(bill, { sortLists: true, space: 2 });
}
