import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder that holds package.json, elements/, cloud-init/ and heat/, whether run from src/ or dist/. */
export const packageRoot = path.resolve(import.meta.dirname, '..');

/** This package's version, as `--version` prints it. */
export function packageVersion(): string {
	const manifest = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
		version: string;
	};
	return manifest.version;
}
