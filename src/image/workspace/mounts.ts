/** One line of /proc/self/mountinfo. */
export interface Mount {
	readonly place: string;
	/** Type of the file system, such as `ext4`. */
	readonly type: string;
}

/** Decodes escapes such as `\040`. */
const plain = (text: string) =>
	text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The mounts in /proc/self/mountinfo, the earliest first. */
export function mountsIn(mountinfo: string): Mount[] {
	return mountinfo
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => {
			const [before, after] = line.split(' - ') as [string, string];
			return { place: plain(before.split(' ')[4] as string), type: after.split(' ')[0] as string };
		});
}
