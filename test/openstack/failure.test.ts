// A failure of the client is told as what could not be done and why, without the client's command line.
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { CommandError } from '../../src/base/run.ts';
import { clientError } from '../../src/openstack/failure.ts';

const create =
	'stack create -t demo/heat/cluster.yaml --parameter-file join_token=file:///dev/fd/3 -f json demo';

for (const [command, stderr, told] of [
	[
		create,
		'ERROR: You have reached the maximum stacks per tenant, 100. Please delete some stacks.',
		'Heat refused to create demo: You have reached the maximum stacks per tenant, 100. Please delete some stacks.',
	],
	['server delete s-1', 'Forbidden (HTTP 403)', 'Nova refused to delete s-1: Forbidden (HTTP 403)'],
	[
		'stack update --dry-run --existing -f json demo',
		'ERROR: Property error',
		'Heat refused to plan the update of demo: Property error',
	],
	[
		'orchestration template validate --show-nested -f json -t demo/heat/cluster.yaml',
		'ERROR: The Resource Type (OS::Heat::SoftwareDeployment) could not be found.',
		'Heat refused to accept the templates and parameters: The Resource Type (OS::Heat::SoftwareDeployment) could not be found.',
	],
	[
		create,
		'The request you have made requires authentication. (HTTP 401)',
		'The openstack client could not create demo: The request you have made requires authentication. (HTTP 401)',
	],
	[create, '', 'The openstack client could not create demo: the openstack client printed no message.'],
	[
		'stack event list --nested-depth 3 -f json demo',
		'Service Unavailable (HTTP 503)',
		'`openstack stack event list` failed: Service Unavailable (HTTP 503)',
	],
] as const) {
	test(`${command.split(' -')[0]}: ${stderr.slice(0, 40)}`, (t) => {
		const error = clientError(command.split(' '), 1, `${stderr}\n`);
		t.is(error.message, told);
		t.is(error.code, 'client-failed');
		t.is(error.exitCode, 1);
		t.true(error instanceof CommandError && error.stderr === stderr);
	});
}

for (const sentence of [
	'Missing value auth-url required for auth plugin password',
	'No password entered, or found via --os-password or OS_PASSWORD',
	'Cloud demo was not found.',
]) {
	test(`a client without a cloud is a mistake of usage: ${sentence}`, (t) => {
		const error = clientError(['stack', 'list'], 1, `x\n${sentence}\n`);
		t.true(error instanceof UserError);
		t.like(error, { exitCode: 2, code: 'no-cloud' });
		t.true(error.message.includes(sentence));
	});
}
