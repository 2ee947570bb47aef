/**
 * Packages of Debian 8, as far as an image asks for them, by the suite that has them. From the notes of people who made
 * images of it: cloud-guest-utils came with the backports, kernel 4.9 with the security updates of its last two years;
 * zstd was packaged for Debian 9.
 */
export const packages = {
	/** Priority "required", and apt: what debootstrap's minbase is made of; some of it stands for all. */
	base: [
		'apt',
		'base-files',
		'base-passwd',
		'bash',
		'coreutils',
		'debianutils',
		'dpkg',
		'gnupg',
		'libc6',
		'mount',
	],
	main: [
		...[
			'adduser',
			'busybox',
			'ca-certificates',
			'chrony',
			'cloud-init',
			'cloud-utils',
			'conntrack',
			'curl',
			'dbus',
			'e2fsprogs',
		],
		...[
			'ebtables',
			'ethtool',
			'gnupg2',
			'grub-pc',
			'haproxy',
			'ifupdown',
			'initramfs-tools',
			'iproute2',
			'iptables',
		],
		...[
			'iputils-ping',
			'isc-dhcp-client',
			'jq',
			'keepalived',
			'kmod',
			'linux-image-amd64',
			'locales',
			'lsb-release',
		],
		...[
			'net-tools',
			'netbase',
			'openssh-server',
			'openssl',
			'procps',
			'python3',
			'resolvconf',
			'rsync',
			'socat',
			'sudo',
		],
		...['systemd-sysv', 'udev'],
	],
	security: ['linux-image-4.9-amd64'],
	backports: ['cloud-guest-utils'],
} as const;
