import type { CommandModule } from 'yargs';
import type { JsonSchema } from '../base/forms.ts';

/**
 * The command `schema`, which prints the JSON Schema of a file that the program reads.
 *
 * @param file     what the file is, such as `cluster.yaml`
 * @param example  a command line that keeps the schema
 * @param load     loads the definitions that the schema follows from
 */
export const schemaCommand = (
	file: string,
	example: string,
	load: () => Promise<JsonSchema>,
): CommandModule => ({
	command: 'schema',
	describe: `Print the JSON Schema of ${file}, for editors`,
	builder: (command) => command.example(example, `then name it in the first line of ${file}`),
	handler: async () => {
		const [{ print }, { schemaText }] = await Promise.all([
			import('../base/say.ts'),
			import('../base/schema.ts'),
		]);
		print(schemaText(await load()).trimEnd());
	},
});
