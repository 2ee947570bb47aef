// Finds features that are newer than Debian 8 in the files of a Debian 8 node.
import { load } from 'js-yaml';
import type { Tree } from '../../../src/base/tree.ts';
import { cloudConfigKeys, keepalivedWords, unitSettings, writtenFileKeys } from './known.ts';
import { type Language, tools } from './newer.ts';

export interface Finding {
	readonly file: string;
	readonly line: number;
	/** The text that is too new. */
	readonly text: string;
	/** The program and version of the feature, and the version in Debian 8. */
	readonly why: string;
}

/** A text inside a file, and the number of lines before it. */
interface Part {
	readonly text: string;
	readonly above: number;
}

const linesIn = (text: string) => text.split('\n').length - 1;

/** The last group of each match, with its line. */
function parts(text: string, pattern: RegExp): Part[] {
	return [...text.matchAll(pattern)].map((match) => {
		const part = match.at(-1) as string;
		const start = match.index + match[0].lastIndexOf(part);
		return { text: part, above: linesIn(text.slice(0, start)) };
	});
}

/** Without the text of comments; their lines stay, so that line numbers do not change. */
const withoutComments = (text: string) => text.replace(/^[ \t]*#.*$|(?<=[ \t])# [^'"\n]*$/gm, '');

const isShell = (path: string, text: string) =>
	text.startsWith('#!/bin/bash') ||
	text.startsWith('#!/bin/sh') ||
	text.startsWith('# shellcheck shell=bash') ||
	path.includes('/environment.d/');

/** A quoted program; the quotes are interrupted where the shell inserts a value. */
const quoted = String.raw`'((?:[^']|'"\$\w+"'|'"\$\{?\w+\}?"')*)'`;
const jqProgram = new RegExp(String.raw`\bjq\b(?:\\\n|[^'|;\n])*${quoted}`, 'g');
const awkProgram = new RegExp(String.raw`\bawk\b(?:\\\n|[^'|;\n])*${quoted}`, 'g');
const document = /<<-?'?(\w+)'?[^\n]*\n([\s\S]*?)\n[ \t]*\1$/gm;
const printed = /printf '(\[[A-Z][\s\S]*?)'/g;

/** The parts of a file by language. */
function languagesOf(path: string, text: string): Record<Language | 'keepalived', Part[]> {
	const whole = [{ text: withoutComments(text), above: 0 }];
	const unit = /\/systemd\/.*\.(service|timer|path|conf)$/.test(path) ? whole : [];
	const shell = isShell(path, text) ? whole : [];
	const inside = (pattern: RegExp) => shell.flatMap((part) => parts(part.text, pattern));
	const documents = inside(document);
	return {
		bash: [...shell, ...unit],
		jq: path.endsWith('.jq') ? whole : inside(jqProgram),
		awk: inside(awkProgram),
		unit: [...unit, ...[...documents, ...inside(printed)].filter((part) => /^\[[A-Z]\w+\]/.test(part.text))],
		haproxy: path.endsWith('haproxy.cfg') ? [{ text: forHaproxy15(text), above: 0 }] : [],
		keepalived: documents.filter((part) => /^(vrrp_|global_defs)/m.test(part.text)),
	};
}

/** kstack-gateway omits lines that are marked as newer than the running HAProxy. */
const forHaproxy15 = (text: string) =>
	withoutComments(
		text.replace(/^.* # since (\d+)\.(\d+)$/gm, (line, major: string, minor: string) =>
			Number(major) > 1 || Number(minor) > 5 ? '' : line,
		),
	);

/** Findings of one file. */
function look(path: string, text: string): Finding[] {
	const found: Finding[] = [];
	const report = (part: Part, end: number, words: string, why: string) =>
		found.push({
			file: path,
			line: part.above + linesIn(part.text.slice(0, end)) + 1,
			text: words.trim(),
			why,
		});
	const languages = languagesOf(path, text);

	for (const tool of tools)
		for (const part of languages[tool.language])
			for (const { since, pattern } of tool.rules)
				for (const match of part.text.matchAll(new RegExp(pattern, `g${pattern.flags}`)))
					report(
						part,
						match.index + match[0].length,
						match[0],
						`${tool.name} ${since}, and Debian 8 has ${tool.has}`,
					);

	for (const part of languages.bash)
		for (const match of emptyArrays(part.text))
			report(
				part,
				match.index,
				match[0],
				'an empty array is "unbound" to bash before 4.4: ${name[@]+"${name[@]}"}',
			);

	for (const part of languages.unit) {
		let section = '';
		for (const match of part.text.matchAll(/^\[(\w+)\]|^([A-Za-z]\w*)\s*=/gm)) {
			section = match[1] ?? section;
			const key = match[2];
			if (key !== undefined && unitSettings[section]?.has(key) !== true)
				report(part, match.index, key, `systemd 215 does not know it in [${section}]`);
		}
	}

	for (const part of languages.keepalived)
		for (const match of part.text.matchAll(/^\s*([a-z]\w+)/gm))
			if (!keepalivedWords.has(match[1] as string))
				report(part, match.index + match[0].length, match[0], 'keepalived 1.2.13 does not know it');
	return found;
}

/** Uses of arrays that can be empty, without the expansion that bash before 4.4 needs. */
function emptyArrays(text: string): RegExpExecArray[] {
	const mayBeEmpty = (name: string) =>
		new RegExp(String.raw`\b${name}=\(\)|\b(?:mapfile|readarray|read)\b[^\n]*\s${name}\b`).test(text);
	const asked = (match: RegExpExecArray) => {
		const line = text.slice(text.lastIndexOf('\n', match.index) + 1, match.index);
		return line.includes(`\${#${match[1]}[@]}`);
	};
	return [...text.matchAll(/(?<!\+"?)\$\{(\w+)\[[@*]\](?!\+)[^}]*\}/g)].filter(
		(match) => mayBeEmpty(match[1] as string) && !asked(match),
	);
}

/** Findings of a file tree, such as an image's elements or a node's files. */
export const newerThanDebian8 = (tree: Tree): Finding[] => tree.flatMap(({ path, text }) => look(path, text));

/** Findings of user-data: keys that cloud-init 0.7.6 does not have. */
export function newerThanCloudInit076(file: string, text: string): Finding[] {
	const line = (key: string) => linesIn(text.slice(0, text.search(new RegExp(`^[ -]*${key}:`, 'm')))) + 1;
	if (!text.startsWith('#cloud-config\n'))
		return [
			{
				file,
				line: 1,
				text: text.split('\n')[0] as string,
				why: 'cloud-init 0.7.6 wants #cloud-config first',
			},
		];
	const config = load(text) as Record<string, unknown>;
	const written = (config.write_files ?? []) as Record<string, unknown>[];
	const unknown = [
		...Object.keys(config).filter((key) => !cloudConfigKeys.has(key)),
		...written.flatMap(Object.keys).filter((key) => !writtenFileKeys.has(key)),
	];
	return unknown.map((key) => ({
		file,
		line: line(key),
		text: key,
		why: 'cloud-init 0.7.6 does not know it',
	}));
}

/** A finding as text. */
export const asText = ({ file, line, text, why }: Finding) => `${file}:${line}: ${text}: ${why}`;
