/**
 * Sequences of terminals: those with parameters, such as of colours; those with a text, such as of titles; others. A text
 * ends with its line: what follows may be from somebody else.
 */
const terminalSequences = new RegExp(
	[
		'(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]',
		'(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\n\\u0007\\u001b\\u009c]*(?:\\u0007|\\u001b\\\\|\\u009c)',
		'\\u001b[ -/]*[0-~]',
	].join('|'),
	'g',
);

/** Control characters but tab and newline, and characters that change the direction of text or separate lines. */
const controls = /(?![\t\n])\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * A text without sequences that a terminal would obey. Nodes, other users of the project and services write texts that
 * kstack prints: none may move the cursor, change what was printed, or answer in place of the operator.
 *
 * @returns the text with its lines and tabs; characters that are not harmless are replaced by U+FFFD
 */
export function sanitize(text: string): string {
	return text
		.replace(/\r+\n?/g, '\n')
		.replace(terminalSequences, '')
		.replace(controls, '\ufffd');
}

/**
 * A text from elsewhere as a part of a message: sanitized, in one line, so that no part of it looks like another message.
 *
 * @param longest  characters after which it is cut
 */
export function oneLine(text: string, longest = 500): string {
	const line = sanitize(text).replace(/\s+/g, ' ').trim();
	return line.length <= longest ? line : `${line.slice(0, longest)}...`;
}

/** The end of a log from elsewhere: sanitized, `lines` lines at most, each of 500 characters at most. */
export function endOfLog(text: string, lines: number): string {
	return sanitize(text)
		.trimEnd()
		.split('\n')
		.slice(-lines)
		.map((line) => (line.length <= 500 ? line : `${line.slice(0, 500)}...`))
		.join('\n');
}
