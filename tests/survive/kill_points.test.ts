import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KILL_POINTS } from '../../src/base/kill_points.ts';

/**
 * That each point is passed is shown by the tests that kill there: `crash.test.ts` those of a load, which must miss none
 * in both of its worlds together, `fill_crash.test.ts` the others.
 */
it('every kill point is declared, and stands in the code once', () => {
  const calls = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...readFileSync(join('src', name), 'utf8').matchAll(/killPoint\('([^']+)'\)/g)])
    .map(([, point]) => point!);
  expect(calls.sort()).toEqual([...KILL_POINTS].sort());
});
