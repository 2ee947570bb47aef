import { UserError } from '../../base/errors.ts';
import { CommandError } from '../../base/run.ts';
import { fullestFolder, isDiskFullMessage } from '../workspace/disk-space.ts';
import type { BuildLog } from './build-log.ts';

/**
 * The error for a failed build.
 *
 * @param name     the name of the profile
 * @param folders  the folders of the build
 */
export function explainFailure(
	name: string,
	error: unknown,
	log: BuildLog,
	folders: readonly string[],
): unknown {
	const full =
		log.full ?? (error instanceof Error && isDiskFullMessage(error.message) ? fullestFolder(folders) : undefined);
	const logHint = `The full log is ${log.file}.`;
	if (full !== undefined) {
		return new UserError(`${name} could not be built: no space left in ${full}.`, {
			hint: [
				'Free space there, or use another file system: KSTACK_CACHE for the cache, --out for the image,',
				'DIB_NO_TMPFS=1 to build on disk instead of in memory.',
				logHint,
			].join('\n  '),
			cause: error,
		});
	}
	if (!(error instanceof CommandError)) return error;
	if (log.unfetched !== undefined) {
		return new UserError(`${name} could not be built: Debian's mirror did not serve\n    ${log.unfetched}`, {
			hint: `Try again later, or set KSTACK_DEBIAN_MIRROR to another mirror.\n  ${logHint}`,
			cause: error,
		});
	}
	return new UserError(`${name} could not be built. The last lines of the log:\n${log.tail}`, {
		hint: logHint,
		cause: error,
	});
}
