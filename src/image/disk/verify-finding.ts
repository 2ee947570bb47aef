/** Something in an image that should not be so. */
export interface Finding {
	/** What it is about: a path on the node, a package, a unit. */
	readonly about: string;
	/** What is wrong with it, as the rest of a sentence. */
	readonly problem: string;
}

/** One finding for each of these. */
export const findings = (about: readonly string[], problem: string): Finding[] =>
	about.map((one) => ({ about: one, problem }));
