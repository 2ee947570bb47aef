// Preloaded into a program under test: appends the URL of every module it imports to the file named by
// RECORD_MODULES.
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { fileURLToPath } from 'node:url';

if (process.env.RECORD_MODULES !== undefined && import.meta.url.endsWith('?hooks') === false) {
	register(`${import.meta.url}?hooks`);
	// What CommonJS loads passes no hook, but stays in the cache.
	process.on('exit', () => {
		const { cache } = createRequire(fileURLToPath(import.meta.url));
		appendFileSync(process.env.RECORD_MODULES, Object.keys(cache ?? {}).map((file) => `${file}\n`).join(''));
	});
}

export async function resolve(specifier, context, next) {
	const found = await next(specifier, context);
	appendFileSync(process.env.RECORD_MODULES, `${found.url}\n`);
	return found;
}
