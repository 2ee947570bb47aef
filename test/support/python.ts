import { output, tool } from './processes.ts';

/** Runs a Python program with `value` as JSON on standard input, and returns the JSON that it prints. */
export async function python<Answer>(args: readonly string[], value: unknown): Promise<Answer> {
	const printed = await output(tool('python3', 'python3'), args, { input: JSON.stringify(value) });
	return JSON.parse(printed) as Answer;
}

/** Parses YAML texts as Heat and cloud-init do. */
export function readByPyYaml(texts: readonly string[]): Promise<unknown[]> {
	const program =
		'import json, sys, yaml; print(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))';
	return python(['-c', program], texts);
}
