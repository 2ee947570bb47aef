import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ours = mkdtempSync(path.join(realpathSync(tmpdir()), 'kstack-test-'));
process.on('exit', () => {
	if (process.env.KEEP_TEST_FOLDERS === undefined) rmSync(ours, { recursive: true, force: true });
});

/** A new empty folder, deleted when the tests end unless `KEEP_TEST_FOLDERS=1` is set. */
export function temporaryFolder(): Promise<string> {
	return mkdtemp(path.join(ours, 'test-'));
}
