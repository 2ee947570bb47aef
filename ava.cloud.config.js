// The tests that need the development cloud: those in demo/ its quick start's cluster, those in own/ the room
// that this cluster leaves. One file after the other, since two cores carry no more.
import config from './ava.config.js';

export default {
	...config,
	files: ['build/test/cloud/**/*.test.js'],
	concurrency: 1,
	timeout: '40m',
};
