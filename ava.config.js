// What `npm run compile` has compiled: a loader would compile it again in each of the many processes.
export default {
	files: ['build/test/**/*.test.js', '!build/test/cloud/**', '!build/test/long/**'],
	workerThreads: false,
	nodeArguments: ['--enable-source-maps'],
	environmentVariables: { LC_ALL: 'C', NO_COLOR: '1', TZ: 'UTC' },
	timeout: '2m',
};
