import { type JsonSchema, matching } from '../../base/forms.ts';
import { asWritten, type Fields, fileSchema, listOf, mappingSchema } from '../../base/schema.ts';
import { forms } from './forms.ts';

const oneLine = matching(/^[^\n\r\0]+$/, 'one line of text');

/** The forms of the values in the file of a custom profile. */
export const profileForms = {
	name: matching(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a name of a-z, 0-9, - and .'),
	line: oneLine,
	/** Debian's rule for the names of packages. */
	package: matching(/^[a-z0-9][a-z0-9+.-]+$/, 'the name of a Debian package'),
} as const;

const release: JsonSchema = {
	anyOf: [
		asWritten(forms.version).schema,
		mappingSchema({
			version: { describe: 'Release', form: asWritten(forms.version), required: true },
			checksum: { describe: 'Checksum of its file', form: forms.checksum, required: true },
		}),
	],
};

/** The keys of the file of a custom profile. */
export const profileFields: Fields = {
	name: { describe: "Name of the image (default: the file's name)", form: asWritten(profileForms.name) },
	base: {
		describe: "One of kimg's profiles, or the file of another one",
		form: asWritten(profileForms.line),
		required: true,
	},
	remark: { describe: 'One sentence for `kimg list`', form: asWritten(profileForms.line) },
	kernelArguments: { describe: "Words of the kernel's command line", form: asWritten(profileForms.line) },
	versions: {
		describe: 'Releases of components, where they differ from those of the base',
		form: { schema: { type: 'object', additionalProperties: release } },
	},
	packages: { describe: 'Debian packages to add', form: listOf(asWritten(profileForms.package)) },
	images: {
		describe: 'Container images to add: references, or archives (.tar)',
		form: listOf(asWritten(profileForms.line)),
	},
	elements: {
		describe: 'Folders of diskimage-builder elements to add',
		form: listOf(asWritten(profileForms.line)),
	},
};

/** The JSON Schema of a profile file. */
export const profileSchema = (): JsonSchema =>
	fileSchema('kimg profile', 'A custom image, based on a profile of kimg.', profileFields);
