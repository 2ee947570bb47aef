/** Titles of what diskimage-builder does, by its hooks and its own words. */
const hooks: Readonly<Record<string, string>> = {
	'root.d': 'base system',
	'extra-data.d': 'files of the build host',
	'pre-install.d': 'packages',
	'install.d': 'packages',
	'post-install.d': 'settings',
	'finalise.d': 'boot loader',
	'cleanup.d': 'boot loader',
};

/** The part of the build that begins with this line of diskimage-builder's output, if one does. */
export function phaseOf(line: string): string | undefined {
	const hook = /dib-run-parts Running \S*\/([a-z-]+\.d)\//.exec(line)?.[1];
	if (hook !== undefined) return hooks[hook];
	if (line.includes('| Calculating image size')) return 'disk';
	if (line.includes('| Converting image using qemu-img')) return 'qcow2';
	return undefined;
}

/** Tells how long each part of something took, when the next one begins. */
export class PhaseClock {
	#title: string | undefined;
	#began = 0;
	readonly #tell: (line: string) => void;
	readonly #now: () => number;

	/**
	 * @param tell  gets one line for each part
	 * @param now   the time in milliseconds
	 */
	constructor(tell: (line: string) => void, now: () => number = Date.now) {
		this.#tell = tell;
		this.#now = now;
	}

	/** A part begins, and with that the one before ends; the same one again goes on. */
	enter(title: string): void {
		if (title === this.#title) return;
		this.end();
		this.#title = title;
		this.#began = this.#now();
	}

	/** The part that is under way ends. */
	end(): void {
		if (this.#title === undefined) return;
		const seconds = Math.round((this.#now() - this.#began) / 1000);
		this.#tell(`${this.#title.padEnd(24)} ${String(seconds).padStart(4)} s`);
		this.#title = undefined;
	}
}
