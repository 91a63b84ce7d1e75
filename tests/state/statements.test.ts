import { expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/state/migrations/migrations.ts';
import { statementsOf } from '../../src/state/schema/statements.ts';

it('ends a statement at a semicolon, and at none within quotes, names, bodies and comments', () => {
  expect(
    statementsOf(`
      SELECT 'a;b', 'it''s; fine'; -- one; more
      CREATE FUNCTION "odd;name"() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$;
      DO $x$ BEGIN EXECUTE $y$ SELECT ';' $y$; END $x$;
      /* nothing; here */ ;
      DROP TABLE t`),
  ).toEqual([
    `SELECT 'a;b', 'it''s; fine'`,
    `-- one; more\n      CREATE FUNCTION "odd;name"() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$`,
    `DO $x$ BEGIN EXECUTE $y$ SELECT ';' $y$; END $x$`,
    'DROP TABLE t',
  ]);
});

it('loses nothing of a migration, and each of its statements begins with a verb', () => {
  for (const { sql } of MIGRATIONS) {
    const statements = statementsOf(sql);
    const bare = (text: string): string => text.replaceAll(/\s|;/g, '');
    expect(bare(statements.join(';'))).toBe(bare(sql));
    for (const statement of statements)
      expect(statement.replaceAll(/^(\s*--[^\n]*\n)+/g, '').trim()).toMatch(
        /^(CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|GRANT|COMMENT|DO|SELECT|WITH)\b/,
      );
  }
});
