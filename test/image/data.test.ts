import test from 'ava';
import { catalogue, lineFor, pauseImage, readCatalogue } from '../../src/image/spec/components.ts';
import { packagesOf, renderElements } from '../../src/image/spec/elements.ts';
import { planImage } from '../../src/image/spec/plan.ts';
import { defaultProfile, profileNamed, profiles } from '../../src/image/spec/profiles.ts';

const lengths: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

for (const version of ['1.20.2', '1.35.4']) {
	const line = lineFor(version);
	test(`what goes with Kubernetes ${version} is pinned whole`, (t) => {
		for (const component of [line.kubernetes, ...line.companions, ...Object.values(line.manifests)]) {
			const [algorithm, digest] = component.checksum.split(':') as [string, string];
			t.regex(digest, /^[0-9a-f]+$/, component.name);
			t.is(digest.length, lengths[algorithm] ?? 0, component.name);
			t.true(
				component.url.startsWith('https://') && component.url.includes(component.version),
				component.url,
			);
			t.not(component.published, '');
		}
		for (const [name, { reference, digest, published }] of Object.entries(line.images)) {
			t.regex(reference, /^[\w.-]+\.io\/[\w./-]+:v?[\d.]+(-flannel\d)?$/, name);
			t.is(published === undefined, digest === undefined);
			// Calico publishes none.
			if (!name.startsWith('calico-')) t.regex(digest ?? '', /^sha256:[0-9a-f]{64}$/, name);
		}
		t.regex(pauseImage(line), /\/pause:[\d.]+$/);
	});
}

test('components.yaml lists the profiles of each line correctly', (t) => {
	for (const { profiles: takers, versions } of catalogue().lines) {
		t.deepEqual(
			profiles.filter((profile) => profile.kubernetes === versions.kubernetes).map(({ name }) => name),
			takers,
		);
	}
});

test('all mistakes in components.yaml are reported at once', (t) => {
	const digest = 'a'.repeat(64);
	const thing = {
		licence: 'MIT',
		url: 'https://example.org/{version}/thing.tar.gz',
		published: 'thing/SHA256SUMS',
		layout: { thing: '/usr/local/bin' },
		checksums: { '1.0.0': `sha256:${digest}` },
	};
	const line = {
		versions: { kubernetes: '1.0.0' },
		images: { pause: '1', coredns: 'v{kubernetes}' },
	};
	const pause = {
		repository: 'example.org/pause',
		published: 'a list',
		digests: { '1': `sha256:${digest}` },
	};
	const images = { pause, coredns: { repository: 'example.org/team/dns' } };
	t.notThrows(() =>
		readCatalogue({ components: { kubernetes: thing }, images, lines: [line] }, 'right.yaml'),
	);
	const error = t.throws(() =>
		readCatalogue(
			{
				components: {
					kubernetes: {
						...thing,
						url: 'http://example.org/thing.tar.gz',
						checksums: { '1.0.0': 'sha256:abc' },
					},
					other: { ...thing, licence: undefined, layout: { thing: '/home/me' }, colour: 'red' },
				},
				images: {
					pause: { ...pause, published: undefined, digests: { '1': `sha512:${digest}` } },
					coredns: { repository: 'dns' },
				},
				lines: [
					{
						...line,
						versions: { kubernetes: '1.0.1', tool: '1.0.0' },
						images: { pause: 'v{etcd}', other: '1' },
						before: '1.26',
					},
				],
			},
			'wrong.yaml',
		),
	);
	for (const mistake of [
		'wrong.yaml: components.kubernetes.url is "http://example.org/thing.tar.gz"',
		'wrong.yaml: components.kubernetes.checksums["1.0.0"] is "sha256:abc"',
		'wrong.yaml: components.other.licence is missing',
		'wrong.yaml: components.other.layout.thing is "/home/me"',
		'wrong.yaml: components.other.colour is not a known key',
		'wrong.yaml: lines[0].versions.kubernetes is 1.0.1, whose checksum is not among its checksums',
		'wrong.yaml: lines[0].versions.tool is none of the components',
		'wrong.yaml: images.pause.published is missing',
		'wrong.yaml: images.pause.digests.1 is "sha512:',
		'wrong.yaml: images.coredns.repository is "dns"',
		'wrong.yaml: lines[0].images.coredns is missing: every node needs it',
		'wrong.yaml: lines[0].images.other is none of the images',
		'wrong.yaml: lines[0].images.pause is v{etcd}, but the line has no version of etcd',
		'wrong.yaml: lines must end with one that has no `before`',
	]) {
		t.true(error?.message.includes(mistake), `${mistake}\n${error?.message}`);
	}
	t.regex(error?.message ?? '', /^14 mistakes:/);
});

test('a profile without a version of Kubernetes gets the pinned version of its line', (t) => {
	for (const profile of profiles) t.is(profile.kubernetes, lineFor(profile.kubernetes).kubernetes.version);
});

test('the default profile has the image name that the first templates used', (t) => {
	t.is(profileNamed(defaultProfile).release, 'jessie');
});

test("Debian's containerd and etcd are used where they are compatible with the kubelet", (t) => {
	const bookworm = profileNamed('debian12-x64-kubernetes');
	t.true(planImage(bookworm, '1.20.2', true).fromDebian);
	t.false(planImage(bookworm, '1.35.4').fromDebian);
	t.false(planImage(profileNamed('debian8-x64-kubernetes'), '1.20.2', true).fromDebian);
});

test('containerd and kubelet use the same cgroup driver', async (t) => {
	for (const profile of profiles) {
		const plan = planImage(profile);
		const flags = (await renderElements(plan)).find((file) => file.path.endsWith('/flags.env'));
		t.true(flags?.text.includes(`CGROUP_DRIVER=${plan.cgroupDriver}\n`));
	}
});

test('package names are those of the release', async (t) => {
	const packages = async (name: string) => {
		const profile = profileNamed(name);
		return packagesOf(await renderElements(planImage(profile, '1.20.2', true)), profile.release);
	};
	const jessie = await packages('debian8-x64-kubernetes');
	t.true(jessie.includes('linux-image-4.9-amd64'));
	t.false(jessie.includes('containerd'));
	const trixie = await packages('debian13-x64-kubernetes');
	t.true(trixie.includes('dhcpcd-base') && trixie.includes('containerd') && trixie.includes('etcd-server'));
});
