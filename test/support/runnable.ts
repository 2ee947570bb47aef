import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';

/** The compiled file of a program of src or test, from the same compilation as the tests. */
export const runnable = (file: string) => path.join(packageRoot, 'build', file.replace(/\.ts$/, '.js'));
