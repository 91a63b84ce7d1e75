/**
 * All of Apache Arrow in one file, as its package ships it: each thread takes 10 ms to load it, and 85 for its modules.
 */

import { createRequire } from 'node:module';
import type * as Arrow from 'apache-arrow';

export const arrow = createRequire(import.meta.url)('apache-arrow/Arrow.es2015.min') as typeof Arrow;
