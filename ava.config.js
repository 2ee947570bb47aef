import os from 'node:os';

// What `npm run compile` has compiled: a loader would compile it again in each of the many processes.
export default {
	files: ['build/test/**/*.test.js', '!build/test/{cloud,controllers,long,node}/**'],
	workerThreads: false,
	// Some tests wait; two more than the cores keep these busy.
	concurrency: os.availableParallelism() + 2,
	nodeArguments: ['--enable-source-maps'],
	environmentVariables: { LC_ALL: 'C', NO_COLOR: '1', TZ: 'UTC' },
	timeout: '2m',
};
