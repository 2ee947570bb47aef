import { boolean, type Form, type JsonSchema, matching, oneOf } from '../../base/forms.ts';
import { type Fields, fileSchema, listOf, mappingSchema } from '../../base/schema.ts';

const line = matching(/^[^\n\r\0]+$/, 'one line of text');

function isRegularExpression(text: string): boolean {
	try {
		return new RegExp(text) !== undefined;
	} catch {
		return false;
	}
}

/** An integer value of an addon: a number in YAML, not a string with digits. */
const integer: Form<number> = {
	description: 'an integer',
	read: (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined),
	schema: { type: 'integer' },
};

const trueOrFalse: Form<boolean> = {
	description: boolean.description,
	read: (value) => (typeof value === 'boolean' ? value : undefined),
	schema: { type: 'boolean' },
};

/** The forms of the values in an addon.yaml. */
export const addonForms = {
	name: matching(
		/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/,
		'at most 40 characters of a-z, 0-9 and -, not beginning or ending with -',
	),
	line,
	boolean: trueOrFalse,
	disable: oneOf(['allowed', 'confirm', 'never']),
	valueName: matching(/^[a-z][-a-z0-9]*$/, 'made of a-z, 0-9 and -, beginning with a letter'),
	valueType: oneOf(['string', 'integer', 'boolean']),
	pattern: matching(/^[^\n\r\0]+$/, 'a regular expression', isRegularExpression),
	integer,
	text: matching(/^[^\n\r\0]*$/, 'one line of text'),
} as const;

/** The keys of a value definition, by type. */
function valueFields(type: 'string' | 'integer' | 'boolean'): Fields {
	const form = { string: addonForms.text, integer, boolean: trueOrFalse }[type];
	return {
		type: { describe: 'Type of the value', form: { schema: { const: type } }, required: true },
		default: { describe: 'Value if none is set', form: form, required: true },
		description: { describe: 'What the value is for', form: line, required: true },
		...(type === 'string'
			? {
					pattern: {
						describe: 'Regular expression that the whole text must match',
						form: addonForms.pattern,
						required: true,
					},
				}
			: {}),
		...(type === 'integer'
			? {
					minimum: { describe: 'Least value', form: integer },
					maximum: { describe: 'Greatest value', form: integer },
				}
			: {}),
	};
}

/** The names of the keys of a value definition of this type. */
export const keysOfValue = (type: string): string[] =>
	Object.keys(valueFields(type as 'string' | 'integer' | 'boolean'));

const valuesSchema: JsonSchema = {
	type: 'object',
	propertyNames: { pattern: addonForms.valueName.pattern.source },
	additionalProperties: {
		oneOf: (['string', 'integer', 'boolean'] as const).map((type) => mappingSchema(valueFields(type))),
	},
};

/** The keys of addon.yaml. */
export const addonFields: Fields = {
	name: { describe: "Name of the addon (default: its folder's name)", form: addonForms.name },
	description: { describe: 'One sentence for `kstack addon list`', form: line, required: true },
	image: {
		describe: 'Whether the addon comes with the node image',
		form: trueOrFalse,
		default: false,
	},
	images: {
		describe: 'Names of container images in components.yaml, for an addon of the node image',
		form: listOf(addonForms.name),
	},
	values: { describe: 'Values that the manifest contains as "@@NAME@@"', form: { schema: valuesSchema } },
	needs: { describe: 'Addons that must be enabled before this one', form: listOf(addonForms.name) },
	disable: {
		describe: 'Whether it can be disabled: allowed, only after confirmation (confirm), or never',
		form: addonForms.disable,
		default: 'allowed',
	},
	warning: { describe: 'What no longer works without it', form: addonForms.text },
};

/** The JSON Schema of addon.yaml. */
export const addonSchema = (): JsonSchema =>
	fileSchema('kstack addon', 'An addon of a cluster, as `kstack addon enable` reads it.', addonFields);
