/** One line of /proc/self/mountinfo. */
export interface Mount {
	readonly place: string;
	/** Of the file system, such as `ext4`. */
	readonly type: string;
}

/** `\040` and its like. */
const plain = (text: string) =>
	text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** What is mounted, the earliest first, as /proc/self/mountinfo says it. */
export function mountsIn(mountinfo: string): Mount[] {
	return mountinfo
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => {
			const [before, after] = line.split(' - ') as [string, string];
			return { place: plain(before.split(' ')[4] as string), type: after.split(' ')[0] as string };
		});
}
