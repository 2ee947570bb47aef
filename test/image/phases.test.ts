import test from 'ava';
import { PhaseClock, phaseOf } from '../../src/image/build/phases.ts';

const stamp = '2026-11-21 07:45:07.286 | ';

for (const [line, phase] of [
	['dib-run-parts Running /tmp/dib_build.X/hooks/root.d/08-debootstrap', 'base system'],
	['dib-run-parts Running /tmp/in_target.d/install.d/01-package-installs', 'packages'],
	['dib-run-parts Running /tmp/in_target.d/post-install.d/98-make-initramfs', 'settings'],
	['Calculating image size (this may take a minute)...', 'disk'],
	['Converting image using qemu-img convert', 'qcow2'],
	['dib-run-parts 08-debootstrap completed', undefined],
	['Setting up etcd-server', undefined],
] as const) {
	test(`"${line}" ${phase === undefined ? 'begins no part' : `begins "${phase}"`}`, (t) => {
		t.is(phaseOf(stamp + line), phase);
	});
}

test('each phase is reported once, with its seconds, when the next one starts', (t) => {
	const told: string[] = [];
	let now = 0;
	const clock = new PhaseClock(
		(line) => told.push(line),
		() => now,
	);
	clock.enter('packages');
	now = 2000;
	clock.enter('packages');
	now = 4400;
	clock.enter('disk');
	now = 9400;
	clock.end();
	clock.end();
	t.deepEqual(told, ['packages                    4 s', 'disk                        5 s']);
});
