// The unit tests of the controllers on nodes, which are Python programs: files *_test.py beside this one.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { output, runToEnd, tool } from '../support/processes.ts';

const folder = path.join(packageRoot, 'test/controllers');
const element = path.join(packageRoot, 'elements/kubernetes-services/static');
const modules = path.join(element, 'usr/share/kstack/python');
const sbin = path.join(element, 'usr/local/sbin');
/** The programs that use the modules. */
const programs = (await readTree(sbin))
	.filter(({ text }) => /^#!.*python/.test(text))
	.map((file) => path.join(sbin, file.path));

interface Outcome {
	readonly title: string;
	/** What went wrong, with the traceback; empty if the test passed. */
	readonly failure: string;
	/** Why it did not run; empty if it did. */
	readonly skipped: string;
}

const names = (await readdir(folder)).filter((name) => name.endsWith('_test.py'));
const printed = await output(tool('python3', 'python3'), [path.join(folder, 'outcomes.py'), ...names], {
	env: { PYTHONPATH: modules, PYTHONDONTWRITEBYTECODE: '1' },
});
for (const line of printed.trim().split('\n')) {
	const { title, failure, skipped } = JSON.parse(line) as Outcome;
	if (skipped) test.skip(`${title} (${skipped})`, () => {});
	else test(title, (t) => t.is(failure, ''));
}

test('each file has tests', (t) => t.true(printed.trim().split('\n').length > names.length));

test('flake8 finds nothing', async (t) => {
	const { code, stdout } = await runToEnd(tool('flake8', 'flake8'), [
		'--max-line-length=125',
		'--extend-ignore=W504',
		modules,
		folder,
		...programs,
	]);
	t.is(code, 0, stdout);
});

test("the syntax is that of Debian 8's Python 3.4", async (t) => {
	const program =
		'import ast, glob, sys\nfor f in glob.glob(sys.argv[1] + "/**/*.py", recursive=True) + sys.argv[2:]: ast.parse(open(f).read(), f, feature_version=(3, 4))';
	const { code, stderr } = await runToEnd(tool('python3', 'python3'), ['-c', program, modules, ...programs]);
	t.is(code, 0, stderr);
});
