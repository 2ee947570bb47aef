/** A file of an upstream project, pinned: what is fetched is this or nothing. */
export interface Component {
	readonly name: string;
	readonly version: string;
	readonly url: string;
	/** Algorithm and hexadecimal digest, such as `sha256:9f86…`. */
	readonly checksum: string;
	/** Where the checksum is published. */
	readonly published: string;
	readonly licence: string;
	/** How its parts lie on a node: members of the archive, or the file itself as `''`, to folders. */
	readonly layout: Readonly<Record<string, string>>;
}

/** What goes together with one release of Kubernetes: its own programs, and what it needs beside them. */
export interface ReleaseLine {
	/** Upstream's release that `--kubernetes-source upstream` fetches. */
	readonly kubernetes: Component;
	/** etcd, container runtime and network plugins, as upstream releases them. */
	readonly companions: readonly Component[];
	/** References of container images. */
	readonly pauseImage: string;
	readonly dnsImage: string;
	/** Network drivers whose manifests the image carries beside `routed`, with the versions of their images. */
	readonly networks: Readonly<Record<string, Readonly<Record<string, string>>>>;
	/** Manifests that are fetched, by the name of the addon they belong to. */
	readonly manifests: Readonly<Record<string, Component>>;
}

const checksums = 'kubernetes-sigs/kubespray, roles/kubespray_defaults/vars/main/checksums.yml';
const github = 'https://github.com';

function kubernetes(version: string, sha512: string): Component {
	const minor = version.split('.').slice(0, 2).join('.');
	return {
		name: 'kubernetes',
		version,
		url: `https://dl.k8s.io/v${version}/kubernetes-server-linux-amd64.tar.gz`,
		checksum: `sha512:${sha512}`,
		published: `kubernetes/kubernetes, CHANGELOG/CHANGELOG-${minor}.md, "Server Binaries"`,
		licence: 'Apache-2.0',
		layout: { 'kubernetes/server/bin/': '/usr/local/bin' },
	};
}

function etcd(version: string, sha256: string): Component {
	const folder = `etcd-v${version}-linux-amd64`;
	return {
		name: 'etcd',
		version,
		url: `${github}/etcd-io/etcd/releases/download/v${version}/${folder}.tar.gz`,
		checksum: `sha256:${sha256}`,
		published: checksums,
		licence: 'Apache-2.0',
		layout: { [`${folder}/etcd`]: '/usr/local/bin', [`${folder}/etcdctl`]: '/usr/local/bin' },
	};
}

function containerd(version: string, sha256: string): Component {
	return {
		name: 'containerd',
		version,
		url: `${github}/containerd/containerd/releases/download/v${version}/containerd-static-${version}-linux-amd64.tar.gz`,
		checksum: `sha256:${sha256}`,
		published: checksums,
		licence: 'Apache-2.0',
		layout: { 'bin/': '/usr/local/bin' },
	};
}

function runc(version: string, sha256: string): Component {
	return {
		name: 'runc',
		version,
		url: `${github}/opencontainers/runc/releases/download/v${version}/runc.amd64`,
		checksum: `sha256:${sha256}`,
		published: checksums,
		licence: 'Apache-2.0',
		layout: { '': '/usr/local/sbin/runc' },
	};
}

function cniPlugins(version: string, sha256: string): Component {
	return {
		name: 'cni-plugins',
		version,
		url: `${github}/containernetworking/plugins/releases/download/v${version}/cni-plugins-linux-amd64-v${version}.tgz`,
		checksum: `sha256:${sha256}`,
		published: checksums,
		licence: 'Apache-2.0',
		layout: { '': '/usr/lib/cni' },
	};
}

function calicoResources(version: string, sha256: string): Component {
	return {
		name: 'calico-crds',
		version,
		url: `https://raw.githubusercontent.com/projectcalico/calico/v${version}/manifests/crds.yaml`,
		checksum: `sha256:${sha256}`,
		published: checksums,
		licence: 'Apache-2.0',
		layout: {},
	};
}

const flannel = { daemon: 'v0.28.1', plugin: 'v1.9.0-flannel1' };

/** The last line that runs on Debian 8 and that Debian's own source package holds. */
const line120: ReleaseLine = {
	kubernetes: kubernetes(
		'1.20.4',
		'37738bc8430b0832f32c6d13cdd68c376417270568cd9b31a1ff37e96cfebcc1e2970c72bed588f626e35ed8273671c77200f0d164e67809b5626a2a99e3c5f5',
	),
	companions: [
		etcd('3.5.29', '7692f812db0bfeee3a731c45046864cf729e552bad82ce7cb5b507053d033267'),
		// containerd 2 no longer speaks the protocol of kubelets before 1.26.
		containerd('1.7.34', '8e244782bbbbe39b2213b961f0939974e88b33f68bed13c6b51f8b4c4ab8ca47'),
		runc('1.3.6', '3f3921dbbee7723e9868f97e88e51ffc910206e3ba55646e74d93d24ea76023c'),
		cniPlugins('1.6.2', 'b8e811578fb66023f90d2e238d80cec3bdfca4b44049af74c374d4fae0f9c090'),
	],
	pauseImage: 'registry.k8s.io/pause:3.2',
	dnsImage: 'registry.k8s.io/coredns:1.7.0',
	networks: { flannel },
	manifests: {},
};

const currentLine: ReleaseLine = {
	kubernetes: kubernetes(
		'1.35.4',
		'7454c2d9023de3230972e965e1e2a587a291e2a1abee703bb0737057e1646b23ebac538b93dd778e93579e3c293dc1fa8d002e6848ad5ebc01598bc47358fe44',
	),
	companions: [
		etcd('3.6.14', 'ffe840ff9295808e88cce2794a18a5ac87f12a5203c8314d0bf6aa119b41bac5'),
		containerd('2.2.7', 'a1df5b5398fe9002c0217de7959bb5642e8deb5be965dcfef4c012ee90c09561'),
		runc('1.4.3', 'f6ae8efc0fa40079e1475e97cbe9d1bd3f106a28d6af78a11d9f1bd565515e60'),
		cniPlugins('1.9.1', 'b98f74a0f8522f0a83867178729c1aa70f2158f90c45a2ca8fa791db1c76b303'),
	],
	pauseImage: 'registry.k8s.io/pause:3.10.1',
	dnsImage: 'registry.k8s.io/coredns/coredns:v1.13.1',
	networks: { flannel, calico: { release: 'v3.31.7' } },
	manifests: {
		calico: calicoResources('3.31.7', '1d6d5e523f92ee1e8227a48c016229c668f94035431b82f19139affeb45dbeff'),
	},
};

/** Minor version of Kubernetes, 20 of 1.20.2. */
export const minorOf = (version: string) => Number(version.split('.')[1]);

/** The line whose components suit a release of Kubernetes. */
export function lineFor(version: string): ReleaseLine {
	return minorOf(version) < 26 ? line120 : currentLine;
}
