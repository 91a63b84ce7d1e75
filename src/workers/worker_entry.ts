/**
 * What a worker thread loads first: the cache of compiled modules, which threads do not inherit, and then the rest by
 * way of it. Saves each thread 110 ms of CPU, a third of what it takes to start.
 */

import { enableCompileCache, flushCompileCache } from 'node:module';

enableCompileCache();
const { default: runTask } = await import('./task_worker.ts');
// Written when a thread ends by itself; ours are ended.
flushCompileCache();

export default runTask;
