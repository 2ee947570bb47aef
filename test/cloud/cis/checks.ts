// The kinds of checks that rules are made of.
import type { Cluster, Node, Right, Rule, Subject } from './rule.ts';

type Check = NonNullable<Rule['check']>;

/** All values of a flag that may be given several times, and lists with commas. */
export function valuesOf(args: readonly string[], flag: string): string[] {
	return args
		.filter((one) => one === flag || one.startsWith(`${flag}=`))
		.flatMap((one) => (one === flag ? ['true'] : one.slice(flag.length + 1).split(',')));
}

const argsOf = (node: Node, program: string) => node.programs[program];

/** A check of the arguments of a program. */
const ofProgram =
	(program: string, judge: (args: readonly string[]) => readonly string[]): Check =>
	(node) => {
		const args = argsOf(node, program);
		return args === undefined ? [`${program} does not run`] : judge(args);
	};

/** The flag has one of these values. */
export const flagIs = (program: string, flag: string, ...allowed: readonly string[]): Check =>
	ofProgram(program, (args) => {
		const found = valuesOf(args, flag);
		return found.length === 1 && allowed.includes(found[0] as string)
			? []
			: [`${flag} is ${found.join(',') || 'not set'}`];
	});

/** The flags are set, to anything. */
export const flagsAreSet = (program: string, ...flags: readonly string[]): Check =>
	ofProgram(program, (args) =>
		flags
			.filter((flag) => valuesOf(args, flag).every((value) => value === ''))
			.map((flag) => `${flag} is not set`),
	);

/** The flag is not set, or has none of these values. */
export const flagIsNot = (program: string, flag: string, ...forbidden: readonly string[]): Check =>
	ofProgram(program, (args) =>
		valuesOf(args, flag)
			.filter((value) => forbidden.length === 0 || forbidden.includes(value))
			.map((value) => `${flag} has ${value}`),
	);

/** The list of the flag has the value. */
export const flagHas = (program: string, flag: string, value: string): Check =>
	ofProgram(program, (args) =>
		valuesOf(args, flag).includes(value) ? [] : [`${flag} does not have ${value}`],
	);

/** The number of the flag is at least this. */
export const flagIsAtLeast = (program: string, flag: string, least: number): Check =>
	ofProgram(program, (args) => {
		const [found] = valuesOf(args, flag);
		return Number(found) >= least ? [] : [`${flag} is ${found ?? 'not set'}, less than ${least}`];
	});

/** The files whose paths match; at least one must exist, unless they are optional. */
function filesOf(node: Node, paths: RegExp, optional: boolean) {
	const found = Object.entries(node.files).filter(([path]) => paths.test(path));
	return { found, missing: found.length === 0 && !optional ? [`no file ${paths.source}`] : [] };
}

/** The files have no more permissions than these bits. */
export const filesHaveMode =
	(paths: RegExp, most: number, optional = false): Check =>
	(node) => {
		const { found, missing } = filesOf(node, paths, optional);
		const wrong = found.filter(([, { mode }]) => (mode & ~most) !== 0);
		return [...missing, ...wrong.map(([path, { mode }]) => `${path} has mode ${mode.toString(8)}`)];
	};

/** The files are root's. */
export const filesAreOfRoot =
	(paths: RegExp, optional = false): Check =>
	(node) => {
		const { found, missing } = filesOf(node, paths, optional);
		const wrong = found.filter(([, { owner }]) => owner !== 'root:root');
		return [...missing, ...wrong.map(([path, { owner }]) => `${path} is of ${owner}`)];
	};

/** etcd has these variables, or, with `absent`, none of them is true. */
export const etcdHas =
	(...names: readonly string[]): Check =>
	({ etcd }) =>
		names.filter((name) => (etcd[name] ?? '') === '').map((name) => `${name} is not set`);

export const etcdIs =
	(name: string, value: string): Check =>
	({ etcd }) =>
		etcd[name] === value ? [] : [`${name} is ${etcd[name] ?? 'not set'}`];

export const etcdIsNot =
	(name: string): Check =>
	({ etcd }) =>
		etcd[name] === 'true' ? [`${name} is true`] : [];

/** A value of the kubelet's configuration, by its path such as `authentication.anonymous.enabled`. */
export function kubeletValue({ kubelet }: Node, path: string): unknown {
	return path
		.split('.')
		.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], kubelet);
}

/** The kubelet's configuration has a value for which `isRight` holds; `undefined` if it has none. */
export const kubeletHas =
	(path: string, isRight: (value: unknown) => boolean): Check =>
	(node) => {
		const value = kubeletValue(node, path);
		return isRight(value) ? [] : [`${path} is ${JSON.stringify(value) ?? 'not set'}`];
	};

/** Cipher suites with forward secrecy and authenticated encryption, as TLS of Go names them. */
export const strong =
	/^TLS_(ECDHE_(ECDSA|RSA)_WITH_)?(AES_(128|256)_GCM_SHA(256|384)|CHACHA20_POLY1305(_SHA256)?)$/;

export const ciphersAreStrong = (program: string): Check =>
	ofProgram(program, (args) => {
		const suites = valuesOf(args, '--tls-cipher-suites');
		return suites.length === 0
			? ['--tls-cipher-suites is not set']
			: suites.filter((one) => !strong.test(one)).map((one) => `${one} is not strong`);
	});

/** All of the checks. */
export const all =
	(...checks: readonly Check[]): Check =>
	(node, cluster) =>
		checks.flatMap((check) => check(node, cluster));

/** Who may do everything, by a binding of its own. */
const admins: readonly Subject[] = ['Group kstack:operators', 'User kstack:addons'];

/** Only these subjects have the right, besides cluster-admins. */
export const onlyHolders =
	(right: Right, ...allowed: readonly Subject[]): Check =>
	(_, cluster: Cluster) =>
		cluster
			.holders(right)
			.filter((subject) => !allowed.includes(subject) && !admins.includes(subject))
			.map((subject) => `${subject} may ${right.verb} ${right.resource}`);
