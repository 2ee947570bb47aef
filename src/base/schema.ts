import type { Form, JsonSchema } from './forms.ts';

/** A key of a file: what it is for, and what its value may be. */
export interface Field {
	/** One sentence without a full stop; a schema shows it in editors. */
	readonly describe: string;
	readonly form: Pick<Form, 'schema'>;
	readonly default?: unknown;
	/** Whether the file must have the key. */
	readonly required?: boolean;
}

/** The keys of a file or of a mapping in it. */
export type Fields = Readonly<Record<string, Field>>;

const described = ({ form, describe, default: standard }: Field): JsonSchema => ({
	description: `${describe}.`,
	...(standard === undefined ? {} : { default: standard }),
	...form.schema,
});

/** The schema of a mapping that has these keys and no others. */
export function mappingSchema(fields: Fields): JsonSchema {
	const required = Object.keys(fields).filter((key) => fields[key]?.required === true);
	return {
		type: 'object',
		additionalProperties: false,
		...(required.length === 0 ? {} : { required }),
		properties: Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, described(field)])),
	};
}

/** The schema of a whole file. */
export function fileSchema(title: string, description: string, fields: Fields): JsonSchema {
	return {
		$schema: 'http://json-schema.org/draft-07/schema#',
		title,
		description,
		...mappingSchema(fields),
	};
}

/** The schema of a list of such values. */
export const listOf = ({ schema }: Pick<Form, 'schema'>): Pick<Form, 'schema'> => ({
	schema: { type: 'array', items: schema },
});

/** The same value or null: a key without a value counts as absent. */
export const orNull = ({ schema }: Pick<Form, 'schema'>): Pick<Form, 'schema'> => {
	if (Array.isArray(schema.enum)) return { schema: { ...schema, enum: [...schema.enum, null] } };
	return { schema: { ...schema, type: [schema.type, 'null'].flat() } };
};

/**
 * The same for a file whose scalars are all read as text: editors treat an unquoted 1.35 as a number.
 */
export const asWritten = ({ schema }: Pick<Form, 'schema'>): Pick<Form, 'schema'> =>
	schema.type === 'string' ? { schema: { ...schema, type: ['string', 'number', 'boolean'] } } : { schema };

/** The text of a schema file. */
export const schemaText = (schema: JsonSchema): string => `${JSON.stringify(schema, undefined, '\t')}\n`;
