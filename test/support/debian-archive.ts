import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A package of an archive for tests: it has an entry in the index, but no .deb. */
export interface Entry {
	readonly name: string;
	readonly version: string;
	readonly more?: string;
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The checksum in an entry. */
export const checksumIn = ({ name, version }: Entry) => `sha256:${sha256(`${name} ${version}`)}`;

/** Creates an archive with one suite in a folder. */
export async function debianArchive(
	root: string,
	suite: string,
	entries: readonly Entry[],
	date = 'Sat, 21 Nov 2026 10:00:00 UTC',
): Promise<void> {
	const index = entries.map(({ name, version, more = '' }) =>
		`Package: ${name}
Version: ${version}
Architecture: amd64
Maintainer: Nobody <nobody@example.org>
Filename: pool/${name}_${version.replace(/^\d+:/, '')}_amd64.deb
Size: 1000
SHA256: ${sha256(`${name} ${version}`)}
${more}`.trim(),
	);
	const packages = `${index.join('\n\n')}\n`;
	const folder = path.join(root, 'dists', suite, 'main/binary-amd64');
	await mkdir(folder, { recursive: true });
	await writeFile(path.join(folder, 'Packages'), packages);
	await writeFile(
		path.join(root, 'dists', suite, 'Release'),
		`Origin: Test
Suite: ${suite}
Codename: ${suite}
Date: ${date}
Architectures: amd64
Components: main
SHA256:
 ${sha256(packages)} ${Buffer.byteLength(packages)} main/binary-amd64/Packages
`,
	);
}
