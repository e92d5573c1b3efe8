/**
 * What `node client-demo/build.js` makes, which takes about ten seconds. The runner builds it first if one of the tests
 * that it runs imports this module, directly or through others. All other tests run without it.
 */
import { join } from 'node:path';
import { projectFolder } from './lock-file.ts';

/** The demo page, as a server serves it. */
export const builtSite = join(projectFolder, 'dist/client-demo/site');

/** The package quire-client: its modules and their types. */
export const builtClient = join(projectFolder, 'client-demo/client/dist');
