// The tests that need the development cloud and a running cluster: one after
// the other, since they share them.
import config from './ava.config.js';

export default {
	...config,
	files: ['build/test/cloud/**/*.test.js'],
	concurrency: 1,
	serial: true,
	timeout: '40m',
};
