import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { CommandError } from '../../src/base/run.ts';
import { systemError } from '../../src/base/system-errors.ts';
import { isNotFound } from '../../src/openstack/absence.ts';
import { parseOutput } from '../../src/openstack/answer.ts';

const failed = (stderr: string) => new CommandError('openstack stack show demo', 1, stderr);

for (const sentence of [
	'Stack not found: demo',
	'ERROR: The Stack (demo) could not be found.',
	'Stack or resource not found: demo ready',
	'ERROR: The Resource (ready) could not be found in Stack demo.',
	'No Image found for debian9',
	"No server with a name or ID of 'demo' exists.",
	'Instance 5f0e1a could not be found. (HTTP 404)',
	'Keypair mine could not be found. (HTTP 404) (Request-ID: req-1)',
]) {
	test(`a thing is absent when the service says: ${sentence}`, (t) => {
		t.true(isNotFound(failed(sentence)));
	});
}

for (const sentence of [
	'Could not find versioned identity endpoints when attempting to authenticate.',
	'Could not find requested endpoint in Service Catalog.',
	'public endpoint for orchestration service in RegionOne region not found',
	'Cloud nonsuch was not found.',
	'Could not find user: admin.',
	'No project with a name was given',
	'<html><title>404 Not Found</title></html>',
	'The resource could not be found.<br /><br />',
	'No answer within 600 s.',
]) {
	test(`nothing is known to be absent when the client says: ${sentence}`, (t) => {
		t.false(isNotFound(failed(sentence)));
	});
}

test('lines before the JSON, such as a warning, are passed over', (t) => {
	t.deepEqual(parseOutput(['x'], 'Warning: [old] client\n[\n  {"a": 1}\n]\n'), [{ a: 1 }]);
	t.deepEqual(parseOutput(['x'], '{"a": [1]}'), { a: [1] });
});

for (const printed of ['', 'null', '<html>\n<p>Login</p>', '{"a": ', '3', 'Please log in']) {
	test(`an answer ${JSON.stringify(printed)} is an error that names the command`, (t) => {
		const error = t.throws(() => parseOutput(['stack', 'list'], printed), { instanceOf: UserError });
		t.is(error?.code, 'client-answer');
		t.true(error?.message.includes('openstack stack list'));
		t.true(error?.message.includes(printed.trim().split('\n')[0] ?? ''));
	});
}

for (const code of ['EACCES', 'ENOSPC', 'EISDIR', 'EROFS', 'ENOTDIR', 'ENOENT']) {
	test(`the system's ${code} is an error with the path`, (t) => {
		const error = Object.assign(new Error(code), { code, syscall: 'open', path: 'demo/cluster.yaml' });
		t.is(systemError(error)?.code, 'file-system');
		t.true(systemError(error)?.message.includes('demo/cluster.yaml'));
	});
}

test('a mistake of the program is no system error', (t) => {
	t.is(systemError(new TypeError('x is not a function')), undefined);
	t.is(systemError(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })), undefined);
});
