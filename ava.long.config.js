// Tests that need nothing but this machine, and minutes: programs of the nodes that
// wait and watch, and whole walks of kstack.
import config from './ava.config.js';

export default { ...config, files: ['build/test/long/**/*.test.js'], timeout: '5m' };
