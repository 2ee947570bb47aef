// Tests that need nothing but this machine, and minutes: the programs of the nodes, other programs that read what kimg
// and kstack render, and whole operations of both.
import os from 'node:os';
import config from './ava.config.js';

export default {
	...config,
	files: ['build/test/{controllers,long,node}/**/*.test.js'],
	concurrency: os.availableParallelism(),
	timeout: '5m',
};
