// Texts that nodes and services write do not reach the terminal as commands.
import test from 'ava';
import fc from 'fast-check';
import { endOfLog, oneLine, sanitize } from '../../src/base/sanitize.ts';

/** Pieces of terminal sequences, and any characters: what an attacker would combine. */
const pieces = fc.oneof(
	fc.constantFrom(
		'\x1b',
		'[',
		']',
		'0;',
		'31m',
		'2J',
		'\x07',
		'\x1b\\',
		'\x9b',
		'\x9d',
		'\x90',
		'\x9c',
		'P',
		'?25l',
	),
	fc.constantFrom('\r', '\r\n', '\n', '\t', '\b', '\0', '\x7f', '\x85', '\u2028', '\u202e', '\u2066'),
	fc.string({ unit: 'binary' }),
);
const hostile = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));

/** What a terminal may obey, or what changes how a line reads. */
const commands = /(?![\t\n])\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

test('no text contains a control character after sanitizing, however it is combined', (t) => {
	fc.assert(
		fc.property(hostile, (text) => {
			t.notRegex(sanitize(text), commands);
			t.is(sanitize(sanitize(text)), sanitize(text));
		}),
	);
});

test('a text from elsewhere in a message is one line of limited length', (t) => {
	fc.assert(
		fc.property(hostile, fc.integer({ min: 1, max: 100 }), (text, longest) => {
			const line = oneLine(text, longest);
			t.notRegex(line, commands);
			t.notRegex(line, /[\n\t]/);
			t.true(line.length <= longest + 3);
		}),
	);
});

test('the end of a log has no more lines than asked for, without control characters', (t) => {
	fc.assert(
		fc.property(fc.array(hostile, { maxLength: 30 }), (texts) => {
			const lines = endOfLog(texts.join('\n'), 5).split('\n');
			t.true(lines.length <= 5);
			for (const line of lines) t.notRegex(line, commands);
		}),
	);
});

test('texts without control characters stay as they are, in any language', (t) => {
	const texts = ['demo-minion-0: Ready', 'Größe: 5 µs\n\t• 日本語 😀', '{"pattern": "^[a-z]\\u0000"}'];
	for (const text of texts) t.is(sanitize(text), text);
});

test('colours, titles and line ends of a console log are removed, its text stays', (t) => {
	const log = '[\x1b[0;32m  OK  \x1b[0m] Started kubelet.\r\n\x1b]0;root@node\x07kstack: step 30 failed\r\n';
	t.is(sanitize(log), '[  OK  ] Started kubelet.\nkstack: step 30 failed\n');
});

test('a sequence that appears when another is removed is not obeyed either', (t) => {
	t.is(sanitize('\x1b\x1b[0m[31mred'), '\ufffd[31mred');
	t.is(sanitize('\x1b]0;no end\n'), '0;no end\n', 'a title without an end hides nothing');
});

test('a sequence hides no other line: two texts of a table do not combine to one', (t) => {
	for (const [start, end] of [
		['\x9d', '\x9c'],
		['\x1b]', '\x07'],
		['\x1bP', '\x1b\\'],
	]) {
		const table = `demo-minion-0 a${start}\ndemo-minion-1 NotReady\ndemo-minion-2 b${end}`;
		t.regex(sanitize(table), /^demo-minion-1 NotReady$/m);
	}
});
