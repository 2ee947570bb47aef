import { createWriteStream, type WriteStream } from 'node:fs';
import { PhaseClock, phaseOf } from './phases.ts';

/** How diskimage-builder clears up after a failure: not what the operator is looking for. */
const afterwards = /\| (Unmount|INFO diskimage_builder)/;

/** What a build prints: all of it in a file, its parts as they pass, its last lines in mind. */
export class BuildLog {
	readonly file: string;
	readonly clock: PhaseClock;
	readonly #stream: WriteStream;
	#last: string[] = [];

	/**
	 * @param file  the log file, replaced if it exists
	 * @param tell  gets one line for each part of the build
	 */
	constructor(file: string, tell: (line: string) => void) {
		this.file = file;
		this.clock = new PhaseClock(tell);
		this.#stream = createWriteStream(file);
	}

	/** Takes one line. A function of its own, to be handed on. */
	readonly line = (text: string): void => {
		this.#stream.write(`${text}\n`);
		if (!afterwards.test(text)) this.#last = [...this.#last.slice(-14), text];
		const phase = phaseOf(text);
		if (phase !== undefined) this.clock.enter(phase);
	};

	/** The last lines, indented. */
	get tail(): string {
		return this.#last.map((line) => `    ${line}`).join('\n');
	}

	/** Writes out the file. */
	close(): void {
		this.#stream.end();
	}
}
