import { expect, it } from 'vitest';
import { codeOf, isHalfCommitted } from '../../src/database/citus_nodes.ts';
import { createPool } from '../../src/database/connect.ts';
import { classify } from '../../src/faults/classify.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();

/** As Citus 13.0.5 told them when a node went away; with a node to lose: tests/beyond/nodes.test.ts. */
it.each([
  ['MarkRemoteTransactionFailed', 'XX000', '08006'],
  ['ReportResultError', 'XX000', '08006'],
  ['SendCopyDataToPlacement', '58030', '08006'],
  ['ReportCopyError', '58030', '08006'],
  ['ReportConnectionError', '08006', '08006'],
  // A node's own word to rows that are copied to it: without its code.
  ['ReportCopyError', 'XX000', '23505'],
  // What a node has said with a code, and what is none of Citus, stay what they are.
  ['ReportResultError', '23505', '23505'],
  ['mdextend', '58030', '58030'],
  ['elog_start', 'XX000', 'XX000'],
  [undefined, '08P01', '08P01'],
])('an error of %s with %s counts as %s', (routine, code, expected) => {
  expect(codeOf({ routine, code })).toBe(expected);
});

it('a node that is gone is worth another attempt, an I/O error of the server itself is not', () => {
  const retried = (routine: string, code: string) =>
    classify({ message: 'failed to COPY to shard', code: codeOf({ routine, code }) }).retry;
  expect([retried('EndRemoteCopy', '58030'), retried('mdextend', '58030')]).toEqual([true, false]);
});

it('a COMMIT that one node did not hear of is told from one that all did', () => {
  expect(isHalfCommitted({ routine: 'FinishRemoteTransactionCommit', code: '01000' })).toBe(true);
  expect(isHalfCommitted({ routine: 'WarnNoTransactionChain', code: '25P01' })).toBe(false);
});

it.each(['client', 'pool'] as const)(
  'a %s holds an answer back until every node has committed what it has committed',
  async (which) => {
    const pool = createPool(database.url, { applicationName: 'test pool', max: 1 });
    try {
      const client = await pool.connect();
      const held = (text: string): Promise<unknown> =>
        which === 'client' ? client.query(text) : pool.query(text);
      client.emit('notice', { routine: 'FinishRemoteTransactionCommit' });
      if (which === 'pool') client.release();
      // What it asks next is of Citus, and not there.
      await expect(held('SELECT 1')).rejects.toMatchObject({ code: '42P01' });
      await expect(held('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
      if (which === 'client') client.release();
    } finally {
      await pool.end();
    }
  },
);
