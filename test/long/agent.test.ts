// kstack-agent with a fake Keystone and Heat: its requests, the programs that it runs, and its signals.
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { inBackground, until } from '../support/waiting.ts';

interface Signal {
	readonly path: string;
	readonly token: string | undefined;
	readonly body: {
		readonly deploy_stdout: string;
		readonly deploy_stderr: string;
		readonly deploy_status_code: number;
	};
}

type Inputs = Readonly<Record<string, string | number | boolean | null>>;

/** A cloud with one server, whose metadata the test changes. */
async function cloud(t: ExecutionContext) {
	const state = {
		/** The deployments that Heat has for the server. */
		deployments: [] as object[],
		/** The status of every response, if it is not 0. */
		broken: 0,
		/** Tokens that have not expired. */
		valid: new Set<string>(),
		logins: [] as { user: string; password: string; project: string; path: string }[],
		polls: 0,
		signals: [] as Signal[],
		/** How many signals fail. */
		lost: 0,
	};
	const bodyOf = async (request: IncomingMessage) => {
		let text = '';
		for await (const chunk of request) text += chunk;
		return text === '' ? undefined : JSON.parse(text);
	};
	const server = createServer(async (request, response) => {
		const url = request.url ?? '';
		const body = await bodyOf(request);
		const token = request.headers['x-auth-token'] as string | undefined;
		const answer = (status: number, json: unknown = null) => {
			response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(json));
		};
		if (state.broken !== 0) return answer(state.broken);
		if (url === '/identity/v3/auth/tokens') {
			const { identity, scope } = body.auth;
			const { id: user, password } = identity.password.user;
			state.logins.push({ user, password, project: scope.project.id, path: url });
			if (password !== `password of ${user}`) return answer(401);
			const made = `token-${state.logins.length}-of-${user}`;
			state.valid.add(made);
			response.setHeader('X-Subject-Token', made);
			const endpoint = (region: string, at: string) => ({
				interface: 'public',
				region,
				region_id: region,
				url: at,
			});
			const heat = `${address}/orchestration/v1/${scope.project.id}`;
			const endpoints = [
				endpoint('elsewhere', 'http://127.0.0.1:9/'),
				{ ...endpoint('here', 'http://127.0.0.1:9/'), interface: 'internal' },
				endpoint('here', heat),
			];
			const catalog = [
				{ type: 'compute', endpoints: [endpoint('here', 'http://127.0.0.1:9/')] },
				{ type: 'orchestration', endpoints },
			];
			return answer(201, { token: { catalog } });
		}
		if (token === undefined || !state.valid.has(token)) return answer(401);
		if (url === '/orchestration/v1/p1/stacks/demo/id-1/resources/server/metadata') {
			state.polls++;
			return answer(200, { metadata: { deployments: state.deployments } });
		}
		if (request.method === 'POST' && url.endsWith('/signal')) {
			if (state.lost-- > 0) return answer(500);
			state.signals.push({ path: url, token, body });
			return answer(200);
		}
		return answer(404);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.teardown(() => server.close());
	const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return { state, address };
}

/** A node in a folder, on which the agent can be started. */
async function machine(t: ExecutionContext, address: string, authUrl = `${address}/identity`) {
	const root = await temporaryFolder();
	await writeNode(root, await imageFiles());
	const programs = path.join(root, 'programs');
	await mkdir(programs);
	// As user-data of a cloud without TLS has it.
	await mkdir(path.join(root, 'etc/kstack/signals'), { recursive: true });
	await writeFile(path.join(root, 'etc/kstack/signals/ready'), `${address}/ready\ntoken\n`);
	const folder = path.join(root, 'var/lib/heat-cfntools');
	await mkdir(folder, { recursive: true });
	const heat = {
		auth_url: authUrl,
		user_id: 'server',
		password: 'password of server',
		project_id: 'p1',
		stack_id: 'demo/id-1',
		resource_name: 'server',
		region_name: 'here',
	};
	const own = {
		deploy_auth_url: authUrl,
		deploy_user_id: 'leave',
		deploy_password: 'password of leave',
		deploy_project_id: 'p1',
		deploy_region_name: 'here',
		deploy_stack_id: 'demo/id-1',
		deploy_resource_name: 'leave',
		deploy_signal_transport: 'HEAT_SIGNAL',
		deploy_action: 'DELETE',
	};
	return {
		root,
		/** Writes the file that cloud-init writes. */
		giveCredentials: () =>
			writeFile(path.join(folder, 'cfn-init-data'), JSON.stringify({ 'os-collect-config': { heat } })),
		/** Writes what a node runs when it leaves. */
		leaving: async (body: string) => {
			await writeFile(path.join(programs, 'kstack-leave'), `#!/bin/bash\n${body}\n`);
			await chmod(path.join(programs, 'kstack-leave'), 0o755);
		},
		deployment: (id: string, inputs: Inputs = {}, more: object = {}) => ({
			id,
			name: 'leave',
			group: 'script',
			config: '#!/bin/bash\nexec /usr/local/sbin/kstack-leave\n',
			inputs: Object.entries({ ...own, ...inputs }).map(([name, value]) => ({ name, value, type: 'String' })),
			outputs: [],
			options: {},
			...more,
		}),
		start: (env: Readonly<Record<string, string>> = {}) =>
			inBackground(t, root, 'kstack-agent', {
				KSTACK_AGENT_PAUSE: '0.05',
				KSTACK_AGENT_PROGRAMS: programs,
				...env,
			}),
		file: (name: string) => readFile(path.join(root, name), 'utf8').catch(() => ''),
	};
}

test('a deployment is run once, with its inputs, and the result is signalled', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(
		`echo "$drain_timeout|$drain_force|\${words-}|\${deploy_password-}"; echo why >&2; echo x >>${root}/runs
		cat /proc/$PPID/cmdline /proc/$$/environ | tr '\\0' '\\n' >${root}/seen`,
	);
	const inputs = { drain_timeout: 300, drain_force: false, words: 'x', nothing: null };
	const agent = await start();
	await until(agent, () => state.polls > 1, 'the agent polls while there is nothing to do');
	state.deployments = [
		deployment('other-1', {}, { group: 'Heat::Ungrouped' }),
		deployment('leave-1', inputs),
	];
	await until(agent, () => state.signals.length > 0, 'the deployment is signalled');
	const polls = state.polls;
	await until(agent, () => state.polls > polls + 2, 'the agent polls again');
	t.deepEqual(state.signals, [
		{
			path: '/orchestration/v1/p1/stacks/demo/id-1/resources/leave/signal',
			token: state.signals[0]?.token,
			body: {
				deploy_stdout: '300|false||\n',
				deploy_stderr: 'why\n',
				deploy_status_code: 0,
			},
		},
	]);
	t.regex(state.signals[0]?.token ?? '', /-of-leave$/, "the signal is sent as the deployment's own user");
	t.is(await file('runs'), 'x\n', 'deployments of other groups are not run');
	t.is(state.logins.filter(({ user }) => user === 'server').length, 1, 'the token is reused');
	t.regex(await file('seen'), /^drain_timeout=300$/m);
	t.notRegex(await file('seen'), /password of|token-\d/, 'no secret is in arguments or the environment');
	t.notRegex(agent.output(), /password of|token-\d/, 'no secret is in the log');
});

for (const ending of ['/identity/', '/identity/v3', '/identity/v3/', '/identity/v2.0'])
	test(`the URL of Keystone may end with ${ending}`, async (t) => {
		const { state, address } = await cloud(t);
		const { giveCredentials, start } = await machine(t, address, `${address}${ending}`);
		await giveCredentials();
		const agent = await start();
		await until(agent, () => state.polls > 0, 'the agent polls');
		t.is(state.logins[0]?.path, '/identity/v3/auth/tokens');
	});

test('a failed script is signalled with the end of its output, and is not run again', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(
		`echo x >>${root}/runs\nhead -c 9000 /dev/zero | tr '\\0' a; printf 'the \\033[31mend\\377'; exit 3`,
	);
	state.deployments = [deployment('leave-1')];
	const agent = await start();
	await until(agent, () => state.signals.length > 0, 'the failure is signalled');
	const polls = state.polls;
	await until(agent, () => state.polls > polls + 2, 'the agent polls again');
	const { deploy_stdout: output, deploy_status_code: code } = (state.signals[0] as Signal).body;
	t.is(code, 3);
	t.regex(output, /^a+the \[31mend\ufffd$/);
	t.true(output.length <= 4000);
	t.is(await file('runs'), 'x\n');
});

test('an agent that stops before the signal sends it after the restart, and runs no script twice', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	state.lost = 1000;
	await leaving(`echo x >>${root}/runs; echo done`);
	state.deployments = [deployment('leave-1')];
	const first = await start();
	await until(first, () => state.lost < 999, 'the signal is retried');
	await first.stop();
	state.lost = 0;
	const second = await start();
	await until(second, () => state.signals.length > 0, 'the signal is sent');
	t.is(await file('runs'), 'x\n');
	t.is(state.signals[0]?.body.deploy_stdout, 'done\n');
});

test('an agent that is killed while a script runs starts the script again', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(`echo x >>${root}/runs; [ -e ${root}/again ] || exec /bin/sleep 5`);
	state.deployments = [deployment('leave-1')];
	const first = await start();
	await until(first, async () => (await file('runs')) === 'x\n', 'the script runs');
	await first.stop();
	await writeFile(path.join(root, 'again'), '');
	const second = await start();
	await until(second, () => state.signals.length > 0, 'the signal is sent');
	t.is(await file('runs'), 'x\nx\n');
	t.is(state.signals[0]?.body.deploy_status_code, 0);
});

test('a script that exceeds its time limit is killed with its child processes, and signalled as failed', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(`echo begun; (/bin/sleep 3; echo x >>${root}/late) & wait`);
	state.deployments = [deployment('leave-1', { drain_timeout: '1' })];
	const agent = await start({ KSTACK_AGENT_MARGIN: '0' });
	await until(agent, () => state.signals.length > 0, 'the failure is signalled');
	t.deepEqual(state.signals[0]?.body, {
		deploy_stdout: 'begun\n',
		deploy_stderr: 'killed after the time limit of 1 s\n',
		deploy_status_code: 124,
	});
	await new Promise((resolve) => setTimeout(resolve, 3000));
	t.is(await file('late'), '');
});

test('requests are retried while Heat does not answer, and each outage is logged once', async (t) => {
	const { state, address } = await cloud(t);
	const { giveCredentials, leaving, deployment, start } = await machine(t, address);
	await giveCredentials();
	state.broken = 503;
	const agent = await start();
	await until(agent, () => /status 503/.test(agent.output()), 'the error is logged');
	await leaving('echo done');
	state.deployments = [deployment('leave-1')];
	state.broken = 0;
	await until(agent, () => state.signals.length > 0, 'the deployment is signalled');
	t.is(agent.output().match(/status 503/g)?.length, 1);
	state.broken = 503;
	await until(agent, () => agent.output().match(/status 503/g)?.length === 2, 'the next outage is logged');
	t.is(state.signals[0]?.body.deploy_stdout, 'done\n');
});

test('a token that has expired is replaced', async (t) => {
	const { state, address } = await cloud(t);
	const { giveCredentials, start } = await machine(t, address);
	await giveCredentials();
	const agent = await start();
	await until(agent, () => state.polls > 0, 'the agent polls');
	state.valid.clear();
	const polls = state.polls;
	await until(agent, () => state.polls > polls, 'the agent polls again');
	t.is(state.logins.length, 2);
});

test('credentials may be written late, and not at once', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, start } = await machine(t, address);
	const agent = await start();
	await writeFile(path.join(root, 'var/lib/heat-cfntools/cfn-init-data'), '{"os-collect-config": {"he');
	await new Promise((resolve) => setTimeout(resolve, 300));
	t.is(state.logins.length, 0);
	await giveCredentials();
	await until(agent, () => state.polls > 0, 'the agent polls');
});

test('a deployment without a signal transport is run and not signalled', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(`echo x >>${root}/runs`);
	state.deployments = [deployment('quiet-1', { deploy_signal_transport: 'NO_SIGNAL' })];
	const agent = await start();
	await until(agent, () => state.polls > 2, 'the agent polls again');
	t.is(await file('runs'), 'x\n');
	t.deepEqual(state.signals, []);
	t.true((await readdir(path.join(root, 'var/lib/kstack/deployments/quiet-1'))).includes('signalled'));
});

test('a script that the image does not know is not run, and fails once', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	state.deployments = [deployment('own-1', {}, { config: `#!/bin/bash\necho x >>${root}/runs\n` })];
	const agent = await start();
	await until(agent, () => state.signals.length > 0, 'the failure is signalled');
	const polls = state.polls;
	await until(agent, () => state.polls > polls + 2, 'the agent polls again');
	t.is(state.signals.length, 1);
	const { deploy_status_code: code, deploy_stderr: message } = (state.signals[0] as Signal).body;
	t.is(code, 1);
	t.is(message, `this image runs no such script: #!/bin/bash?echo x >>${root}/runs\n`);
	t.is(await file('runs'), '');
	t.is(agent.output().match(/this image runs no such script/g)?.length, 1);
});

test('an input that is not valid fails the deployment', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, leaving, deployment, start, file } = await machine(t, address);
	await giveCredentials();
	await leaving(`echo x >>${root}/runs`);
	state.deployments = [deployment('leave-1', { drain_timeout: '$(reboot)' })];
	const agent = await start();
	await until(agent, () => state.signals.length > 0, 'the failure is signalled');
	t.is(
		state.signals[0]?.body.deploy_stderr,
		'kstack-leave was not run, because its input drain_timeout is not valid: $(reboot)\n',
	);
	t.is(await file('runs'), '');
});

test('a result that an agent of an older image left is signalled', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, deployment, start } = await machine(t, address);
	await giveCredentials();
	const folder = path.join(root, 'var/lib/kstack/deployments/own-1');
	await mkdir(folder, { recursive: true });
	const result = { deploy_stdout: 'x', deploy_stderr: '', deploy_status_code: 0 };
	await writeFile(path.join(folder, 'result.json'), JSON.stringify(result));
	state.deployments = [deployment('own-1', {}, { config: 'echo x' })];
	const agent = await start();
	await until(agent, () => state.signals.length > 0, 'the result is signalled');
	t.deepEqual(state.signals[0]?.body, result);
});

test('plain http is refused with one line unless user-data uses it', async (t) => {
	const { state, address } = await cloud(t);
	const { root, giveCredentials, start } = await machine(t, address);
	await giveCredentials();
	await writeFile(path.join(root, 'etc/kstack/signals/ready'), 'https://heat.example/ready\ntoken\n');
	const agent = await start();
	await until(agent, () => /refused, because it is not https/.test(agent.output()), 'the refusal is logged');
	await new Promise((resolve) => setTimeout(resolve, 300));
	t.is(agent.output().trim().split('\n').length, 1);
	t.is(state.logins.length, 0);
	await writeFile(path.join(root, 'etc/kstack/node.env'), 'HEAT_INSECURE_HTTP=true\n');
	await until(agent, () => state.polls > 0, 'the agent polls once node.env allows it');
});
