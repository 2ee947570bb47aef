// Node 22.18 and later run TypeScript themselves. Node 20 needs tsx, which hooks
// child processes but not worker threads.
const native = Boolean(process.features.typescript);

export default {
	files: ['test/**/*.test.ts', '!test/cloud/**', '!test/long/**'],
	extensions: { ts: 'module' },
	workerThreads: native,
	nodeArguments: native ? [] : ['--import=tsx'],
	environmentVariables: { LC_ALL: 'C', NO_COLOR: '1', TZ: 'UTC' },
	timeout: '2m',
};
