/** Titles of the phases of diskimage-builder, by its hooks and output. */
const hooks: Readonly<Record<string, string>> = {
	'root.d': 'base system',
	'extra-data.d': 'files of the build host',
	'pre-install.d': 'packages',
	'install.d': 'packages',
	'post-install.d': 'settings',
	'finalise.d': 'boot loader',
	'cleanup.d': 'boot loader',
};

/** The phase of the build that starts with this line of output; `undefined` for other lines. */
export function phaseOf(line: string): string | undefined {
	const hook = /dib-run-parts Running \S*\/([a-z-]+\.d)\//.exec(line)?.[1];
	if (hook !== undefined) return hooks[hook];
	if (line.includes('| Calculating image size')) return 'disk';
	if (line.includes('| Converting image using qemu-img')) return 'qcow2';
	return undefined;
}

/** Prints the duration of each phase when the next one starts. */
export class PhaseClock {
	#title: string | undefined;
	#began = 0;
	readonly #tell: (line: string) => void;
	readonly #now: () => number;

	/**
	 * @param tell  receives one line for each phase
	 * @param now   the time in milliseconds
	 */
	constructor(tell: (line: string) => void, now: () => number = Date.now) {
		this.#tell = tell;
		this.#now = now;
	}

	/** Starts a phase and ends the previous one; the same phase continues. */
	enter(title: string): void {
		if (title === this.#title) return;
		this.end();
		this.#title = title;
		this.#began = this.#now();
	}

	/** Ends the current phase. */
	end(): void {
		if (this.#title === undefined) return;
		const seconds = Math.round((this.#now() - this.#began) / 1000);
		this.#tell(`${this.#title.padEnd(24)} ${String(seconds).padStart(4)} s`);
		this.#title = undefined;
	}
}
