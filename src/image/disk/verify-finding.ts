/** A problem in an image. */
export interface Finding {
	/** The object: a path on the node, a package, a unit. */
	readonly about: string;
	/** The problem, as the rest of a sentence. */
	readonly problem: string;
}

/** One finding for each of these. */
export const findings = (about: readonly string[], problem: string): Finding[] =>
	about.map((one) => ({ about: one, problem }));
