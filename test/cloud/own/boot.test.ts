import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { eventually, succeed, withFolder } from '../cloud.ts';
import { downloadImage } from '../image.ts';

const userData = `#cloud-config
hostname: standalone
runcmd:
  - [sh, -c, 'echo "units: $(systemctl is-active containerd) $(systemctl is-enabled kstack-assemble)"']
  - [sh, -c, 'ctr -n k8s.io images list -q; echo IMAGES-LISTED']
output: {all: '| tee -a /dev/console'}
`;

test.serial(
	'the image boots with its own boot loader, finishes cloud-init, and imports its container images',
	async (t) => {
		await withFolder(async (folder) => {
			await downloadImage(`${folder}/image.qcow2`);
			await succeed('qemu-img', [
				'create',
				'-q',
				'-f',
				'qcow2',
				'-b',
				`${folder}/image.qcow2`,
				'-F',
				'qcow2',
				`${folder}/disk.qcow2`,
				'10G',
			]);
			await writeFile(`${folder}/user-data`, userData);
			await writeFile(`${folder}/meta-data`, 'instance-id: i-standalone\nlocal-hostname: standalone\n');
			await succeed(
				'genisoimage',
				['-quiet', '-V', 'cidata', '-J', '-R', '-o', 'seed.iso', 'user-data', 'meta-data'],
				folder,
			);
			const drive = (file: string, format: string) => [
				'-drive',
				`file=${file},format=${format},if=virtio,cache=unsafe`,
			];
			const machine = spawn(
				'qemu-system-x86_64',
				[
					...[
						'-accel',
						'tcg,thread=multi',
						'-cpu',
						'max',
						'-smp',
						'2',
						'-m',
						'2048',
						'-display',
						'none',
						'-monitor',
						'none',
					],
					...[...drive('disk.qcow2', 'qcow2'), ...drive('seed.iso', 'raw'), '-device', 'virtio-rng-pci'],
					...[
						'-netdev',
						'user,id=n0,restrict=on',
						'-device',
						'virtio-net-pci,netdev=n0',
						'-serial',
						'file:console',
						'-no-reboot',
					],
				],
				{ cwd: folder, stdio: 'ignore' },
			);
			try {
				const console = await eventually(1500, async () => {
					const text = await readFile(`${folder}/console`, 'utf8');
					if (!/Cloud-init v\. .* finished/.test(text))
						throw new Error(`cloud-init has not finished:\n${text.slice(-2000)}`);
					return text;
				});
				t.regex(console, /GRUB|Booting/);
				t.regex(console, /units: active enabled/); // in one line: other programs write to the console too
				t.regex(console, /registry\.k8s\.io\/pause:/);
				t.regex(console, /IMAGES-LISTED/);
			} finally {
				machine.kill('SIGKILL');
			}
		});
	},
);
