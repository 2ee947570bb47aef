import { matching } from '../../base/forms.ts';

/** Forms that several files use. */
export const forms = {
	version: matching(/^\d+(\.\d+)+([~+-][\w.+~-]+)?$/, 'a version such as 1.35.4'),
	checksum: matching(
		/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
		'sha256: with 64 or sha512: with 128 hexadecimal digits',
	),
	fileName: matching(/^[\w.+-]+$/, 'the name of a file'),
	/** A digest in a registry. */
	digest: matching(/^sha256:[0-9a-f]{64}$/, 'sha256: with 64 hexadecimal digits'),
} as const;
