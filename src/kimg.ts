#!/usr/bin/env node
import { verbose } from './cli/flags.ts';
import { main } from './cli/main.ts';

await main({
	name: 'kimg',
	summary: 'kimg builds disk images for the nodes of Kubernetes clusters on OpenStack.',
	flags: { verbose },
	commands: [
		{
			name: 'list',
			describe: 'List the profiles',
			load: () => import('./cli/kimg/list.ts'),
		},
		{
			name: 'render',
			describe: "Write an image's elements and build script without building it",
			load: () => import('./cli/kimg/render.ts'),
		},
		{
			name: 'build',
			describe: 'Build an image with diskimage-builder',
			load: () => import('./cli/kimg/build.ts'),
		},
		{
			name: 'bundle',
			describe: 'Pack everything that an image is built from, except Debian packages, into one file',
			load: () => import('./cli/kimg/bundle.ts'),
		},
		{
			name: 'lock',
			describe: 'Write a lock (all versions and checksums of an image) without building the image',
			load: () => import('./cli/kimg/lock.ts'),
		},
		{
			name: 'inspect',
			describe: 'Show the versions, sizes and packages of an image',
			load: () => import('./cli/kimg/inspect.ts'),
		},
		{
			name: 'verify',
			describe: 'Check an image against its lock, and for content that must not be in an image',
			load: () => import('./cli/kimg/verify.ts'),
		},
		{
			name: 'diff',
			describe: 'Show the differences between two images',
			load: () => import('./cli/kimg/diff.ts'),
		},
		{
			name: 'upload',
			describe: 'Upload an image to Glance',
			load: () => import('./cli/kimg/upload.ts'),
		},
		{
			name: 'prune',
			describe: 'List the uploaded images, and delete old ones that nothing uses',
			load: () => import('./cli/kimg/prune.ts'),
		},
		{
			name: 'schema',
			describe: 'Print the JSON Schema of profile files, for editors',
			load: () => import('./cli/kimg/schema.ts'),
		},
	],
});
