import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { contentsOf } from '../../src/image/spec/contents.ts';
import { planImage } from '../../src/image/spec/plan.ts';
import { profileNamed, profiles } from '../../src/image/spec/profiles.ts';

const page = path.join(packageRoot, 'docs/images.md');
const [begin, end] = ['<!-- what is in each profile: generated -->\n', '<!-- end -->'];

/** What is in each profile, and in what Debian alone gives for one, as Markdown. */
function tableOfProfiles(): string {
	const columns = new Map(profiles.map((profile) => [`\`${profile.name}\``, contentsOf(planImage(profile))]));
	const fromDebian = planImage(profileNamed('debian12-x64-kubernetes'), '1.20.2', true);
	columns.set('`debian12-x64-kubernetes`, `--kubernetes-source debian`', contentsOf(fromDebian));
	const rows = [...new Set([...columns.values()].flatMap((contents) => Object.keys(contents)))];
	const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
	return [
		line(['', ...columns.keys()]),
		`|${'---|'.repeat(columns.size + 1)}\n`,
		...rows.map((row) => line([row, ...[...columns.values()].map((contents) => contents[row] ?? '-')])),
	].join('');
}

test('docs/images.md lists the content of each profile', async (t) => {
	const text = await readFile(page, 'utf8');
	const from = text.indexOf(begin) + begin.length;
	const to = text.indexOf(end, from);
	t.true(from >= begin.length && to >= from, `${page} has no place for the table`);
	const right = text.slice(0, from) + tableOfProfiles() + text.slice(to);
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(page, right);
	else t.is(text, right, 'UPDATE_GOLDEN=1 npx ava build/test/image/contents.test.js writes it anew');
});
