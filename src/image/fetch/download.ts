import { rm, stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { interrupted } from '../../base/interrupt.ts';
import { CommandError, run } from '../../base/run.ts';

/** Exit codes of curl for temporary errors: network, name resolution, broken connections. */
const passing = new Set([5, 6, 7, 18, 28, 35, 52, 55, 56, 92]);

/** Exit codes of curl for a server that cannot resume a download. */
const noRangeSupport = new Set([33, 36]);

/** Maximum number of consecutive attempts without any data. */
const maximumFailures = 3;

/** The size of a file in bytes, 0 when it does not exist. */
export async function sizeOf(file: string): Promise<number> {
	return (await stat(file).catch(() => ({ size: 0 }))).size;
}

/** The HTTP status in the message of curl, if that is the error. */
const httpStatus = (error: CommandError) => Number(/returned error: (\d+)/.exec(error.stderr)?.[1] ?? 0);

/** Whether the file does not exist at a URL, according to the server or file system. */
export function isNotFoundError(error: CommandError): boolean {
	return error.status === 37 || (error.status === 22 && httpStatus(error) < 500);
}

function mayPass(error: CommandError): boolean {
	const status = httpStatus(error);
	return passing.has(error.status ?? 0) || status >= 500 || status === 408 || status === 429;
}

function attempt(address: string, file: string): Promise<string> {
	return run(
		'curl',
		[
			...['--fail', '--silent', '--show-error', '--location', '--netrc-optional'],
			...['--connect-timeout', '10', '--speed-limit', '1', '--speed-time', '30'],
			...['--continue-at', '-', '--output', file, address],
		],
		{ package: 'curl' },
	);
}

/**
 * Fetches a file, and resumes a partial download. After a broken connection the download is resumed, as long as it makes
 * progress.
 *
 * @param address  http://, https:// or file://
 * @param file     the target; on failure the received part is kept for a resumed download
 * @throws CommandError curl's, when it cannot be fetched
 */
export async function download(address: string, file: string): Promise<void> {
	for (let failures = 1; ; failures++) {
		const before = await sizeOf(file);
		try {
			await attempt(address, file);
			return;
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			const cannotResume = noRangeSupport.has(error.status ?? 0) || httpStatus(error) === 416;
			if (before > 0 && cannotResume) await rm(file, { force: true });
			else if (!mayPass(error)) throw error;
			else if ((await sizeOf(file)) > before) failures = 0;
			if (failures >= maximumFailures) throw error;
		}
		await setTimeout(1000 * failures, undefined, { signal: interrupted.signal }).catch(() => {});
		interrupted.signal.throwIfAborted();
	}
}
