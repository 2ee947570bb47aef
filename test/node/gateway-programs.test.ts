// What a gateway gives to HAProxy and to the kernel is accepted by both.
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { output, tool } from '../support/processes.ts';

for (const [name, from] of [
	['haproxy', 'haproxy'],
	['unshare', 'util-linux'],
	['iptables-restore', 'iptables'],
] as const)
	tool(name, from);
const printed = await output(
	tool('python3', 'python3'),
	[path.join(packageRoot, 'test/controllers/outcomes.py'), 'gateway_programs.py'],
	{
		env: {
			PYTHONPATH: path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/python'),
			PYTHONDONTWRITEBYTECODE: '1',
		},
	},
);
for (const line of printed.trim().split('\n')) {
	const { title, failure } = JSON.parse(line) as { title: string; failure: string };
	test(title, (t) => t.is(failure, ''));
}
