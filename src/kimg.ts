#!/usr/bin/env node
import { pruneCommand, uploadCommand } from './cli/kimg/cloud.ts';
import { lookCommands } from './cli/kimg/look.ts';
import { makeCommands } from './cli/kimg/make.ts';
import { main } from './cli/main.ts';
import { schemaCommand } from './cli/schema.ts';

await main('kimg', (cli) => {
	cli
		.usage('$0 <command>\n\nDisk images for the nodes of a Kubernetes cluster on OpenStack.')
		.option('verbose', { type: 'boolean', describe: 'Show the commands that are run' })
		.middleware(async (args) => {
			if (args.verbose === true) (await import('./base/run.ts')).showCommands(true);
		});
	return lookCommands(makeCommands(cli))
		.command(uploadCommand)
		.command(pruneCommand)
		.command(
			schemaCommand('a profile file', '$0 schema > profile.schema.json', async () =>
				(await import('./image/spec/profile-fields.ts')).profileSchema(),
			),
		)
		.example('$0 build debian12-x64-kubernetes', 'an image for production, from upstream')
		.example('$0 upload debian12-x64-kubernetes.qcow2', 'to the cloud that OS_CLOUD names');
});
