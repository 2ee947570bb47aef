// One of each kind; all the others are in test/long/refusals.test.ts.
import test from 'ava';
import { demoStack } from '../support/fake-cloud.ts';
import { noClient, noCloud, refuses, seeCreate, seeHelp } from '../support/refusing.ts';

test('an unknown flag', refuses, {
	args: ['create', 'demo', '--minion', '3'],
	sentence: /--minion\..*--minions\?\n {2}See 'kstack create --help'\.\n$/,
});
test('no command', refuses, { args: [], sentence: `Missing command.${seeHelp}` });
test('a count below zero', refuses, {
	args: ['create', 'demo', '--minions', '-1'],
	sentence: `--minions is "-1": it must be a whole number from 0 to 5000.${seeCreate}`,
});
test('a name that would lead elsewhere', refuses, {
	args: ['create', '../demo'],
	sentence: /^kstack: The cluster name "\.\.\/demo" is invalid, /,
});
test('a file with three mistakes, all reported', refuses, {
	args: ['create', 'demo'],
	file: 'name: demo\nminions: many\nmasters: 2\nserviceCidr: 10.96.0.0\n',
	sentence:
		/^kstack: 3 mistakes:\n {2}- demo\/cluster\.yaml: minions is "many": .*\n {2}- .*serviceCidr.*\n {2}- .*: masters is 2/,
});
test('everything that the cloud lacks, at once', refuses, {
	args: ['create', 'demo', '--image', 'no', '--minion-flavor', 'no', '--external-network', 'no'],
	sentence:
		/^kstack: 3 mistakes:\n.*image "no".*\n.*flavor "no".*\n.*network "no".*\n {2}Nothing was created\.\n$/,
});
test('a stack of that name exists', refuses, {
	args: ['create', 'demo'],
	cloud: { 'stack-show-demo': demoStack(1) },
	sentence: /^kstack: A stack "demo" exists \(CREATE_COMPLETE\): change it with kstack update, or remove it/,
});
test('scaling nothing', refuses, {
	args: ['scale', 'demo'],
	sentence: /^kstack: Missing flag: .*--pool POOL=N/,
});
test('deleting without a name', refuses, {
	args: ['delete'],
	sentence: /NAME.*\n {2}See 'kstack delete --help'\.\n$/,
});
test('no cloud is configured', refuses, { args: ['create', 'demo'], ...noCloud });
test('the openstack client is missing', refuses, { args: ['create', 'demo'], ...noClient });
