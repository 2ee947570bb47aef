// Flags that several commands of kimg and kstack have.

/** How a result is printed. */
export const output = {
	short: 'o',
	choices: ['table', 'json'],
	default: 'table',
	describe: 'Output format',
} as const;

export const yes = {
	short: 'y',
	boolean: true,
	describe: 'Do not ask for confirmation',
} as const;

export const verbose = {
	boolean: true,
	describe: 'Print executed commands and error codes',
} as const;

/** Which cloud is used; main.ts sets OS_CLOUD to it. */
export const osCloud = {
	value: 'CLOUD',
	describe: 'Entry of clouds.yaml',
	defaultText: '$OS_CLOUD',
} as const;
