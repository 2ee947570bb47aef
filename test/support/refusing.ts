import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Answers, emptyCloud } from './fake-cloud.ts';
import { temporaryFolder } from './folders.ts';
import { on } from './kstack-on-cloud.ts';

/** A command line, and the message with which it is refused. */
export interface Refusal {
	readonly args: readonly string[];
	readonly sentence: RegExp | string;
	/** Responses of the cloud in addition to those of an empty one. */
	readonly cloud?: Answers;
	readonly env?: NodeJS.ProcessEnv;
	/** The text of demo/cluster.yaml. */
	readonly file?: string;
}

/** Refused with exit code 2 and this message, before anything was written or changed. */
export const refuses = test.macro({
	title: (what) => `refused, and nothing made: ${what}`,
	async exec(t: ExecutionContext, { args, sentence, cloud = {}, env = {}, file }: Refusal) {
		const folder = await temporaryFolder();
		if (file !== undefined) {
			await mkdir(path.join(folder, 'demo'));
			await writeFile(path.join(folder, 'demo/cluster.yaml'), file);
		}
		const ended = await on([{ ...emptyCloud, ...cloud }], args, { cwd: folder, env });
		t.is(ended.code, 2, ended.stderr);
		t.is(ended.stdout, '');
		const said = ended.stderr.replace(/^(Checking|Reading) .*\n/gm, '');
		if (typeof sentence === 'string') t.is(said, `kstack: ${sentence}\n`);
		else t.regex(said, sentence);
		t.regex(said, /^kstack: /);
		const left = await readdir(folder, { recursive: true });
		t.deepEqual(left, file === undefined ? [] : ['demo', 'demo/cluster.yaml']);
		for (const line of ended.asked) t.notRegex(line, /'(create|update|delete|set)'/);
	},
});

export const seeHelp = "\n  See 'kstack --help'.";
export const seeCreate = "\n  See 'kstack create --help'.";
export const nothing = '\n  Nothing was created.';

/** The client's error without a configured cloud, and the message of kstack. */
export const noCloud: Pick<Refusal, 'cloud' | 'sentence'> = {
	cloud: { 'stack-show-demo.fails': 'Missing value auth-url required for auth plugin password\n' },
	sentence: /^kstack: The openstack client found no cloud: Missing value auth-url .*\n {2}Set OS_CLOUD to /,
};

/** A PATH without the client, and the message of kstack. */
export const noClient: Pick<Refusal, 'env' | 'sentence'> = {
	env: { PATH: '/nonexistent' },
	sentence:
		'The program `openstack` is not installed.\n  On Debian: apt-get install python3-openstackclient python3-heatclient',
};
