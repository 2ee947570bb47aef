import path from 'node:path';
import { matching } from '../../base/forms.ts';
import type { ContainerImage } from './components.ts';

/** An image's name, with a tag, a digest or both. */
const pattern =
	/^((?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z0-9-]+(?=:\d))(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/** The form of a reference to a container image to fetch. */
export const referenceForm = matching(
	new RegExp(`(?=.*(?::|@)[^/]+$)${pattern.source}`),
	'an image with its registry, and with a tag or a digest, such as quay.io/calico/node:v3.31.7',
);

/** Whether an argument is an archive on this machine, and not an image in a registry. */
export const isArchive = (word: string) => word.endsWith('.tar');

/** Whether a name is a complete reference. */
export const hasRegistry = (name: string) => pattern.test(name);

/** The parts of a reference. */
export function partsOf(reference: string): { repository: string; tag?: string; digest?: string } {
	const [, repository, tag, digest] = pattern.exec(reference) ?? [];
	if (repository === undefined) throw new Error(`"${reference}" is not a container image reference`);
	return { repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The image of a reference; if it has a tag and a digest, pods use the tag. */
export function imageNamed(reference: string): ContainerImage {
	const { tag, digest } = partsOf(reference);
	if (digest === undefined) return { reference };
	return {
		reference: tag === undefined ? reference : reference.replace(`@${digest}`, ''),
		digest,
		published: 'the reference itself',
	};
}

/** The full name of an image in containerd: `busybox` is `docker.io/library/busybox:latest`. */
export function fullName(name: string): string {
	const [first = '', ...rest] = name.split('/');
	const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
	const full = hasRegistry ? name : `docker.io/${rest.length > 0 ? name : `library/${name}`}`;
	return /[:@][^/]+$/.test(full) ? full : `${full}:latest`;
}

/** The name of a fetched image's archive, such as `quay.io_calico_node_v3.31.7.tar`. */
export function archiveName(reference: string): string {
	return `${reference.replaceAll(/[/:@]/g, '_')}.tar`;
}

/** The name of the archive on a node for an argument of the operator: a file or a reference. */
export function archiveOf(word: string): string {
	if (isArchive(word)) return path.basename(word);
	return hasRegistry(word) ? archiveName(imageNamed(word).reference) : word;
}
