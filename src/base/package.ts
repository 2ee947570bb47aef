import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

function folderOfPackage(folder: string): string {
	return existsSync(path.join(folder, 'package.json')) ? folder : folderOfPackage(path.dirname(folder));
}

/** The folder with package.json, elements/, cloud-init/ and heat/. */
export const packageRoot = folderOfPackage(import.meta.dirname);

/** This package's version, as `--version` prints it. */
export function packageVersion(): string {
	const manifest = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
		version: string;
	};
	return manifest.version;
}
