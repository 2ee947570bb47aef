import { CommandError } from '../base/run.ts';

/**
 * Messages of services for a resource that does not exist. They do not include a missing endpoint, cloud, user or
 * project: then it is unknown whether the resource exists.
 */
const notFoundMessages: readonly RegExp[] = [
	// Heat: "Stack not found: demo", "Stack or resource not found: demo ready"
	/^(ERROR: )?(Stack|Resource|Stack or resource|Event|Deployment|Software \w+) not found: /im,
	// Heat's own answer: "The Stack (demo) could not be found."
	/\bThe (Stack|Resource|Event|Entity|Software \w+) \(.*\) (in Stack .* )?could not be found/i,
	// The client: "No Image found for demo", "No server with a name or ID of 'demo' exists."
	/\bNo [\w -]+ (found for|found with ID|with a name or ID of) /i,
	// Nova: "Instance 5f0e could not be found.", "Keypair demo could not be found."
	/\b(Instance|Server|Keypair|Flavor|Image|Network|Subnet) '?[\w.:-]+'? could not be found/i,
	// Glance: "Failed to find image 5f0e"
	/\bFailed to find image /i,
];

/** Whether an error means that the resource does not exist. */
export function isNotFound(error: unknown): boolean {
	return error instanceof CommandError && notFoundMessages.some((sentence) => sentence.test(error.stderr));
}

/** The result, or `undefined` if the resource does not exist. */
export async function ifPresent<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
	try {
		return await answer;
	} catch (error) {
		if (isNotFound(error)) return undefined;
		throw error;
	}
}
