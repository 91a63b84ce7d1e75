import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atNode, written } from '../../src/state/schema/node_statements.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();

const text = fc
  .string({ unit: fc.oneof(fc.constantFrom("'", '\\', '"', '{', '}', ',', '$1', '\n', 'NULL'), fc.string()) })
  .map((value) => value.replaceAll('\0', '').toWellFormed());
const bytes = fc.uint8Array({ maxLength: 20 });
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value);

test('a statement with its parameters in it says what it says with parameters beside it', async () => {
  const client = await database.client();
  const statement = `SELECT $1::text AS a, $2::bigint AS b, $3::jsonb AS c, $4::text[] AS d, $5::bigint[] AS e,
    $6::bytea[] AS f, $7::boolean AS g, $8::bytea AS h, coalesce($1, 'none') AS i`;
  const values = fc.tuple(
    ...[orNull(text), orNull(fc.maxSafeInteger()), orNull(text.map((one) => JSON.stringify({ [one]: one })))],
    ...[fc.array(orNull(text)), fc.array(orNull(fc.maxSafeInteger())), fc.array(orNull(bytes))],
    ...[orNull(fc.boolean()), orNull(bytes)],
  );
  await fc.assert(
    fc.asyncProperty(values, async (given) => {
      const beside = given.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value));
      const asParameters = await client.query(
        statement,
        beside.map((value) =>
          Array.isArray(value)
            ? value.map((one) => (one instanceof Uint8Array ? Buffer.from(one) : one))
            : value,
        ),
      );
      const asText = await client.query(written(statement, given));
      expect(asText.rows).toEqual(asParameters.rows);
    }),
    { numRuns: 60 },
  );
  expect(() => written('SELECT $2', [1])).toThrow('$2');
});

test('the address of a node is that of its coordinator but for host and port', () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      'postgres://me:p%40ss%2F@c:5433/market?sslmode=require',
      'postgres://me:p%40ss%2F@n1:5432/market?sslmode=require',
    ],
    ['postgresql://me@c/market', 'postgres://me@n1:5432/market'],
    [
      'postgres:///market?host=/run/postgresql&user=me&application_name=x',
      'postgres://me@n1:5432/market?application_name=x',
    ],
  ];
  for (const [coordinator, node] of cases) expect(atNode(coordinator, 'n1', 5432)).toBe(node);
  expect(atNode('postgres://me@c/m', '::1', 7)).toBe('postgres://me@[::1]:7/m');
});
