import { UserError } from './errors.ts';

/** Messages for error codes of the system. */
const meanings: Readonly<Record<string, string>> = {
	EACCES: 'permission denied',
	EPERM: 'the system does not permit it',
	EROFS: 'the file system is read-only',
	ENOSPC: 'the disk is full',
	EDQUOT: 'the disk quota is used up',
	EISDIR: 'it is a directory, not a file',
	ENOTDIR: 'a part of the path is not a directory',
	ENOENT: 'there is no such file',
	EEXIST: 'it exists already',
	ENOTEMPTY: 'the directory is not empty',
	EMFILE: 'too many files are open',
	ENAMETOOLONG: 'the name is too long',
	ELOOP: 'too many symbolic links',
	EBUSY: 'it is in use',
	EIO: 'the device reports an input/output error',
};

/** The action of the failed system call. */
function verb(call: string): string {
	if (/^(open|read|scandir|stat|lstat|access)/.test(call)) return 'Cannot open';
	if (/^(unlink|rm)/.test(call)) return 'Cannot delete';
	if (/^(mkdir|mkdtemp)/.test(call)) return 'Cannot create';
	return 'Cannot write';
}

/**
 * Converts an error of the file system to a message with the path and the reason.
 *
 * @returns `undefined` for any other error
 */
export function systemError(error: unknown): UserError | undefined {
	if (!(error instanceof Error)) return undefined;
	const { code = '', path, syscall = '' } = error as NodeJS.ErrnoException;
	const meaning = meanings[code];
	// Without a path it does not concern a file of the operator, except for errors that affect all files.
	if (meaning === undefined || (path === undefined && !/^(ENOSPC|EDQUOT|EISDIR|EIO)$/.test(code)))
		return undefined;
	const what = path === undefined ? `Cannot ${syscall || 'write'}` : `${verb(syscall)} ${path}`;
	return new UserError(`${what}: ${meaning}.`, { code: 'file-system', cause: error });
}
