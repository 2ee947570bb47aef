import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';

/** What Node is to run for a program of src or test: what the tests themselves were compiled with. */
export const runnable = (file: string) => path.join(packageRoot, 'build', file.replace(/\.ts$/, '.js'));
