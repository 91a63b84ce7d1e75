/** What every answer of Kraken's public API is: errors, or a result with one list in it. */

import { z } from 'zod';
import { BackhaulError } from '../faults/fault.ts';

/** A number as the API writes prices and volumes. */
export const decimal = z.string().regex(/^\d+(\.\d+)?$/);

const answer = z.object({
  error: z.array(z.string()),
  result: z.record(z.string(), z.unknown()).optional(),
});

/** JSON's reviver that keeps a number as its digits. */
export function digits(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return typeof value === 'number' ? (source ?? String(value)) : value;
}

/**
 * The rows of the one list of an answer, and its `last`.
 * @throws BackhaulError `unsupported` where the API refuses, `corrupt` for an answer of another shape than `expected`
 */
export function listIn<Row>(
  text: string,
  uri: string,
  row: z.ZodType<Row>,
  expected: string,
  reviver?: typeof digits,
): { readonly rows: readonly Row[]; readonly last: unknown } {
  let json: unknown;
  try {
    json = JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch {
    throw strange(uri, 'JSON');
  }
  const parsed = answer.safeParse(json);
  if (!parsed.success) throw strange(uri, '{"error":[…],"result":{…}}');
  const { error, result = {} } = parsed.data;
  if (error.length > 0)
    throw new BackhaulError({
      kind: 'unsupported',
      message: `the API refuses: ${error.join(', ')}`,
      where: { uri },
    });
  const { last, ...lists } = result;
  const [list, ...more] = Object.values(lists);
  const rows = z.array(row).safeParse(list);
  if (more.length > 0 || !rows.success) throw strange(uri, expected);
  return { rows: rows.data, last };
}

/** The fault of an answer that is not what it should be. */
export function strange(uri: string, expected: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the answer of the API has another shape',
    expected,
    where: { uri },
  });
}
