// The tests that need the development cloud and a running cluster: one after
// the other, since they share them.
import config from './ava.config.js';

export default {
	...config,
	files: ['test/cloud/**/*.test.ts'],
	concurrency: 1,
	serial: true,
	timeout: '40m',
};
