import type { FileHandle } from 'node:fs/promises';
import { usageError } from '../../base/errors.ts';
import { CommandError, run } from '../../base/run.ts';
import { type ImageRecord, siblingFile } from '../disk/inspect-record.ts';

/** The output of `qemu-img info`. */
interface Info {
	readonly format: string;
	readonly 'virtual-size': number;
	readonly 'backing-filename'?: string;
	readonly encrypted?: boolean;
	readonly 'format-specific'?: {
		readonly data?: { readonly corrupt?: boolean; readonly 'data-file'?: string };
	};
}

const magic = Buffer.from('QFI\xfb', 'latin1');

/** The command that converts an image to the right format. */
const convert = (file: string) =>
	`Convert a disk image with: qemu-img convert -O qcow2 ${file} NEW.qcow2. kimg build writes qcow2.`;

const unusable = (message: string, hint: string) => usageError(message, hint, 'not-a-node-image');

async function requireMagic(file: string, content: FileHandle): Promise<void> {
	const stats = await content.stat();
	if (stats.isDirectory()) throw unusable(`${file} is a folder.`, 'Specify an image file (.qcow2).');
	if (!stats.isFile()) throw unusable(`${file} is not a regular file.`, 'Specify an image file (.qcow2).');
	if (stats.size === 0) throw unusable(`${file} is empty.`, 'Build the image again: kimg build.');
	const head = Buffer.alloc(magic.length);
	await content.read(head, 0, head.length, 0);
	if (!head.equals(magic)) throw unusable(`${file} is not a qcow2 image.`, convert(file));
}

/** The exit code of `qemu-img check` for a valid image with leaked clusters, which only waste space. */
const leaks = 3;

/** Runs `qemu-img`; undefined when it found nothing worse than wasted space. */
async function qemuImg(words: readonly string[], file: string): Promise<string | undefined> {
	try {
		return await run('qemu-img', words, { package: 'qemu-utils' });
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		if (words[0] === 'check' && error.status === leaks) return undefined;
		throw unusable(
			`${file} cannot be used: ${error.stderr.split('\n')[0] || 'qemu-img found it damaged or incomplete'}.`,
			'Copy it again, or build it again: kimg build.',
		);
	}
}

/**
 * Checks that Nova can boot an image: it must be a complete qcow2 file without a backing file.
 *
 * @returns the size of its disk in bytes
 * @throws UserError exit code 2 when it is not
 */
export async function checkImage(file: string, content: FileHandle): Promise<number> {
	await requireMagic(file, content);
	const info = JSON.parse(
		(await qemuImg(['info', '-f', 'qcow2', '--output=json', file], file)) ?? '',
	) as Info;
	const data = info['format-specific']?.data;
	if (info['backing-filename'] !== undefined) {
		throw unusable(
			`${file} contains only the differences from its backing file ${info['backing-filename']}.`,
			convert(file),
		);
	}
	if (data?.['data-file'] !== undefined)
		throw unusable(`${file} stores its content in another file, ${data['data-file']}.`, convert(file));
	if (info.encrypted === true) throw unusable(`${file} is encrypted.`, convert(file));
	await qemuImg(['check', '-f', 'qcow2', file], file);
	return info['virtual-size'];
}

/**
 * Checks that an image was built by kimg, by the record that kimg build writes next to it.
 *
 * @throws UserError exit code 2 when there is no record: kstack needs the content of the image
 */
export function requireRecord(file: string, { kubernetes }: ImageRecord): void {
	if (kubernetes !== undefined) return;
	throw unusable(
		`The properties of ${file} are unknown: ${siblingFile(file, 'json')} is missing, or has no version of Kubernetes.`,
		'kimg build writes that file next to the image: copy both. To upload an image that kimg did not build: openstack image create.',
	);
}
