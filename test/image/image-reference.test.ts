import test from 'ava';
import fc from 'fast-check';
import {
	archiveName,
	fullName,
	imageNamed,
	partsOf,
	referenceForm,
} from '../../src/image/spec/image-reference.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const registry = fc
	.tuple(fc.constantFrom('quay.io', 'registry.k8s.io', 'localhost', '127.0.0.1:5000', 'mirror:5000'))
	.map(([host]) => host);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);
const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/);

test('a reference is parsed into the parts that it was made of', (t) => {
	const parts = fc.tuple(registry, fc.array(word, { minLength: 1, maxLength: 3 }), tag, digest);
	fc.assert(
		fc.property(parts, fc.constantFrom('tag', 'digest', 'both'), ([host, names, tag, digest], which) => {
			const repository = [host, ...names].join('/');
			const said = {
				repository,
				...(which === 'digest' ? {} : { tag }),
				...(which === 'tag' ? {} : { digest }),
			};
			const text = `${repository}${said.tag ? `:${tag}` : ''}${said.digest ? `@${digest}` : ''}`;
			t.regex(text, referenceForm.pattern);
			t.deepEqual(partsOf(text), said);
			t.is(fullName(text), text);
			t.regex(archiveName(text), /^[\w.-]+\.tar$/);
		}),
	);
});

test('a reference without registry, or with neither tag nor digest, cannot be fetched', (t) => {
	for (const text of [
		'nginx',
		'nginx:1',
		'team/nginx:1',
		'quay.io/team/nginx',
		'quay.io/Team/nginx:1',
		'quay.io/nginx:1@sha256:12',
		'-x.io/y:1 z',
		'https://quay.io/x:1',
	])
		t.notRegex(text, referenceForm.pattern);
});

test('pods use the tag of an image if it has one', (t) => {
	const digest = `sha256:${'a'.repeat(64)}`;
	t.deepEqual(imageNamed('quay.io/x:1'), { reference: 'quay.io/x:1' });
	t.like(imageNamed(`quay.io/x:1@${digest}`), { reference: 'quay.io/x:1', digest });
	t.like(imageNamed(`quay.io/x@${digest}`), { reference: `quay.io/x@${digest}`, digest });
});

test('short names are expanded as containerd expands them', (t) => {
	t.is(fullName('busybox'), 'docker.io/library/busybox:latest');
	t.is(fullName('busybox:1'), 'docker.io/library/busybox:1');
	t.is(fullName('team/tool:1'), 'docker.io/team/tool:1');
	t.is(fullName('localhost/tool'), 'localhost/tool:latest');
});
