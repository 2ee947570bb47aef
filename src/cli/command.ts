/** A flag of a command. Without `boolean`, it takes a value, which stays text: the operations check values. */
export interface Flag {
	readonly describe: string;
	readonly boolean?: true;
	/** A letter that means the same: `-o`. */
	readonly short?: string;
	/** Stands for the value in the help, such as `N`. */
	readonly value?: string;
	readonly choices?: readonly string[];
	readonly default?: string;
	/** The least and the greatest value, which the help shows. */
	readonly range?: { readonly min: number; readonly max: number };
	/** What the help shows as the default when it is not one fixed value. */
	readonly defaultText?: string;
	/** May be given several times; all values count. Of other flags the last value counts. */
	readonly repeated?: true;
	/** What is wrong with a value, where the form is known before the command runs; `undefined` when it is right. */
	mistakeIn?(value: unknown): string | undefined;
	/** May be given without a value, which is then empty. */
	readonly optionalValue?: true;
}

export type Flags = Readonly<Record<string, Flag>>;

/** An argument without a flag. The order of a command's arguments is the order on the command line. */
export interface Argument {
	readonly describe: string;
	readonly required?: true;
	readonly default?: string;
	readonly defaultText?: string;
}

export type Arguments = Readonly<Record<string, Argument>>;

type Camel<Text extends string> = Text extends `${infer Head}-${infer Tail}`
	? `${Head}${Capitalize<Camel<Tail>>}`
	: Text;

type FlagValue<F extends Flag> = F extends { boolean: true }
	? boolean | undefined
	: F extends { repeated: true }
		? string[] | undefined
		: F extends { choices: readonly (infer Choice)[]; default: string }
			? Choice
			: F extends { default: string }
				? string
				: string | undefined;

type ArgumentValue<A extends Argument> = A extends { required: true } | { default: string }
	? string
	: string | undefined;

/** What the command line gives: arguments by name, flags by name in camel case. */
export type Values<A extends Arguments, F extends Flags> = {
	readonly [Name in keyof A]: ArgumentValue<A[Name]>;
} & { readonly [Name in keyof F & string as Camel<Name>]: FlagValue<F[Name]> };

/** A command of kimg or kstack: what it takes, how it is used, what it does. */
export interface Command {
	readonly arguments: Arguments;
	readonly flags: Flags;
	/** Command lines without the program's name, each with what it does. */
	readonly examples: readonly (readonly [line: string, what: string])[];
	run(values: Readonly<Record<string, unknown>>): Promise<void>;
	/**
	 * What to do after Ctrl-C, where something outside may have been started.
	 *
	 * @param requested  whether the cloud may have got a request that changes something
	 */
	interruptedHint?(values: Readonly<Record<string, unknown>>, requested: boolean): string;
}

/** A command in the list of a program. Its file is loaded when the command is used. */
export interface CommandEntry {
	/** One word, or two: `addon enable`. */
	readonly name: string;
	readonly describe: string;
	load(): Promise<{ readonly command: Command }>;
}

/** One of the two programs. */
export interface Program {
	readonly name: string;
	readonly summary: string;
	readonly commands: readonly CommandEntry[];
	/** Flags of every command. */
	readonly flags: Flags;
	/** The last lines of the help. */
	readonly notes?: string;
}

interface Definition<A extends Arguments, F extends Flags> {
	readonly arguments?: A;
	readonly flags?: F;
	readonly examples?: Command['examples'];
	run(values: Values<A, F>): Promise<void>;
	interruptedHint?(values: Values<A, F>, requested: boolean): string;
}

/** Defines a command; `run` receives the values with the types that its arguments and flags give them. */
// biome-ignore lint/complexity/noBannedTypes: no arguments and no flags are an empty mapping.
export function defineCommand<const A extends Arguments = {}, const F extends Flags = {}>(
	definition: Definition<A, F>,
): Command {
	return { arguments: {}, flags: {}, examples: [], ...definition } as Command;
}
