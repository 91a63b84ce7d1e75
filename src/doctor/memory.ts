/** Memory against the number of workers. */

import { type Check, checksOf, pgSize } from './check.ts';

const MB = 2 ** 20;
/** The program itself, and what a worker takes at the most while it sorts a file (`bench/`, peak RSS). */
const BASE_BYTES = 130 * MB;
const WORKER_BYTES = 120 * MB;

export interface MemoryFacts {
  readonly totalBytes: number;
  /** Of the control group; null: none. */
  readonly limitBytes: number | null;
  readonly workers: number;
}

/** Memory, as the machine or its control group allows it, against the number of workers. */
export function checkMemory({ totalBytes, limitBytes, workers }: MemoryFacts): Check {
  const { ok, warning, failure } = checksOf('machine');
  const limited = limitBytes !== null && limitBytes < totalBytes;
  const room = limited ? limitBytes : totalBytes;
  const fits = Math.floor((room - BASE_BYTES) / WORKER_BYTES);
  const has = `${pgSize(room)}${limited ? ' (limit of the control group)' : ''}`;
  const needs = `${workers} workers may take ${pgSize(BASE_BYTES + workers * WORKER_BYTES)}`;
  if (fits >= workers) return ok('memory', `${has}; ${needs}`);
  if (fits < 1)
    return failure(
      'memory',
      `${has}: less than one worker needs`,
      `give it ${pgSize(BASE_BYTES + WORKER_BYTES)} or more`,
    );
  return warning('memory', `${has}, but ${needs}`, `--workers ${fits}`);
}
