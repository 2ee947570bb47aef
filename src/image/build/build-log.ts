import { createWriteStream, type WriteStream } from 'node:fs';
import { fullest, tellsOfFullDisk } from '../workspace/room.ts';
import { PhaseClock, phaseOf } from './phases.ts';

/** How diskimage-builder clears up after a failure: not what the operator is looking for. */
const afterwards = /\| (Unmount|INFO diskimage_builder)/;

/** What a build prints: all of it in a file, its parts as they pass, its last lines in mind. */
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
	 * @param tell     gets one line for each part of the build
	 * @param folders  what the build writes to
	 */
	constructor(file: string, tell: (line: string) => void, folders: readonly string[]) {
		this.file = file;
		this.clock = new PhaseClock(tell);
		this.#folders = folders;
		this.#stream = createWriteStream(file).on('error', (error) =>
			tell(`Cannot write ${file}; the build continues without a log: ${error.message}`),
		);
	}

	/** Takes one line. A function of its own, to be handed on. */
	readonly line = (text: string): void => {
		this.#stream.write(`${text}\n`);
		if (!afterwards.test(text)) this.#last = [...this.#last.slice(-14), text];
		if (tellsOfFullDisk(text)) this.#full ??= fullest(this.#folders);
		this.#unfetched ??= /\bE: Failed to fetch (\S+ .*)/.exec(text)?.[1];
		const phase = phaseOf(text);
		if (phase !== undefined) this.clock.enter(phase);
	};

	/** The last lines, indented. */
	get tail(): string {
		return this.#last.map((line) => `    ${line}`).join('\n');
	}

	/** The place that was full when a program said that one was; `undefined` when none has. */
	get full(): string | undefined {
		return this.#full;
	}

	/** The first package that apt could not fetch, and why; `undefined` when there was none. */
	get unfetched(): string | undefined {
		return this.#unfetched;
	}

	/** Writes out the file. */
	close(): void {
		this.#stream.end();
	}
}
