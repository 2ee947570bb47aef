import { createWriteStream, type WriteStream } from 'node:fs';
import { fullestFolder, isDiskFullMessage } from '../workspace/disk-space.ts';
import { PhaseClock, phaseOf } from './phases.ts';

/** Output of the cleanup of diskimage-builder after a failure, which hides the error. */
const afterwards = /\| (Unmount|INFO diskimage_builder)/;

/** The output of a build: writes it to a file, reports phases, and keeps the last lines. */
export class BuildLog {
	readonly file: string;
	readonly clock: PhaseClock;
	readonly #stream: WriteStream;
	readonly #folders: readonly string[];
	#last: string[] = [];
	#full: string | undefined;
	#unfetched: string | undefined;

	/**
	 * @param file     the log file, replaced if it exists
	 * @param tell     receives one line for each phase of the build
	 * @param folders  the folders of the build
	 */
	constructor(file: string, tell: (line: string) => void, folders: readonly string[]) {
		this.file = file;
		this.clock = new PhaseClock(tell);
		this.#folders = folders;
		this.#stream = createWriteStream(file).on('error', (error) =>
			tell(`Cannot write ${file}; the build continues without a log: ${error.message}`),
		);
	}

	/** Adds one line. A bound function, so that it can be passed on. */
	readonly line = (text: string): void => {
		this.#stream.write(`${text}\n`);
		if (!afterwards.test(text)) this.#last = [...this.#last.slice(-14), text];
		if (isDiskFullMessage(text)) this.#full ??= fullestFolder(this.#folders);
		this.#unfetched ??= /\bE: Failed to fetch (\S+ .*)/.exec(text)?.[1];
		const phase = phaseOf(text);
		if (phase !== undefined) this.clock.enter(phase);
	};

	/** The last lines, indented. */
	get tail(): string {
		return this.#last.map((line) => `    ${line}`).join('\n');
	}

	/** The disk that was full when a program reported a full disk; `undefined` if none did. */
	get full(): string | undefined {
		return this.#full;
	}

	/** The first package that apt could not fetch, and why; `undefined` when there was none. */
	get unfetched(): string | undefined {
		return this.#unfetched;
	}

	/** Closes the file. */
	close(): void {
		this.#stream.end();
	}
}
