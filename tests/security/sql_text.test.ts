import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/**
 * What is put into the text of SQL, as against its parameters. Constants and the helpers that make parts of statements
 * out of literals may be; anything else stands here by name, with the reason. A new one fails until somebody has looked.
 */

const CONSTANT = /^[A-Z][A-Z_]*(\.(map|join)\(.*\))*$/;
/** They are given literals alone. */
const HELPERS =
  /^(usOf|wholeSum|stampOf|isBefore|orderKey|noteEvent|same|asJson|barsIn|barsOf|completes|endsOpen|vouchedByAlone|becomes|mayMove|withRevision|laneTurn|isDue|isBehindDelayed|rangeRows|withinHull|touchedOnly|insertCoverage|insertStates|insertEnds|sessionName|isAlive|stateOf|quoted|owner\.escapeLiteral)\(/;

const LOOKED_AT: Readonly<Record<string, readonly string[]>> = {
  // Names of our own tables and columns.
  'src/copy/copy_writer.ts': ['table', "columns.join(', ')", 'this.#before'],
  // Numbers, ISO stamps the planner made, and column names of the catalogue, quoted.
  'src/export/row_source.ts': [
    "seriesIds.join(',')",
    'seriesIds[0]',
    'list',
    'range',
    "names.join(', ')",
    'from',
    'to',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code that is quoted here
    "names.map((name) => `b.${name}`).join(', ')",
  ],
  // Numbers that were checked to be whole, and literals.
  // Three statements of its own.
  'src/commands/completion.ts': ['sql'],
  'src/series/bar_stream.ts': [
    'textOf(query)',
    "conditions.join(' AND ')",
    'list',
    'table',
    'where',
    "part('bars')",
    "part('bars_bare')",
  ],
  // Ids and stamps that were checked to be whole, and one of two names.
  'src/series/stamp_pass.ts': ['which', 'table', 'select'],
  // Given literals alone.
  'src/state/runs/run_store.ts': ['alias', 'ms'],
  'src/state/series/series_rows.ts': ['table'],
  // Columns of the catalogue, quoted.
  'src/state/schema/candles_view.ts': [
    'list',
    'all',
    'values',
    'column',
    'bucket',
    'isSpread ? afterLookUp(values) : inPlace(values)',
  ],
  // Expressions its callers write out, and a constant.
  'src/state/series/event_revision.ts': ['venue', 'loaded', 'eventRevision(venue)'],
  // Conditions of its own, and the alias its callers write out.
  'src/state/tasks/lane_family.ts': ['alias', 'which'],
  'src/state/tasks/claim.ts': ['alias'],
  'src/state/tasks/lease.ts': ['which'],
  // Ranges are numbers and ISO stamps.
  'src/copy/copy_reader.ts': [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code that is quoted here
    "names.map((name) => `b.${name}`).join(', ')",
    "names.join(', ')",
    'limit',
    'select',
  ],
  // One of two conditions, and one of two words.
  'src/merge/merge_rows.ts': ['which'],
  'src/merge/stage.ts': ['a', 'b', 'name', 'names', 'behind', 'cols.capacity', 'more'],
  // Columns that layouts have asked for: their names quoted, their types four words of a schema.
  'src/merge/extra_values.ts': [
    'cast(a, extra)',
    'cast(b, extra)',
    'from',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code that is quoted here
    "names.map((name) => `b.${name}`).join(', ')",
    "names.join(', ')",
    'set',
    'typed',
    "sameExtras('i', 'b', this.#own)",
    'staged',
    'name',
    'alias',
  ],
  'src/state/schema/extra_columns.ts': ['column', 'type', 'name', 'standing'],
  'src/validate/agreement.ts': ['columns', 'table', 'parameter', "[...FIELDS, 'volume'].map(far).join(', ')"],
  'src/validate/bar_checks.ts': ['columns', 'table', 'bad', 'details'],
  // Lists of columns, the alias its callers write out, and conditions made of names of columns and of parameters.
  'src/series/market_of_two_series.ts': [
    ...['differ', 'alias', 'name', 'names', 'values', 'table', 'column', 'from', 'until', 'moved', 'ts'],
    "within('ts', '$2', '$3')",
    "within('ts', '$3', '$4')",
    "within('e.seam', '$2', '$3')",
  ],
  // Names of leaves are made of a year and a month, their bounds of numbers.
  'src/state/leaves/partitions.ts': ['name'],
  'src/state/leaves/leaf_statements.ts': ['name', 'from', 'to'],
  // The database of the embedded server: a constant, passed on.
  // Calls of set_config with names of its own and milliseconds.
  'src/database/connect.ts': ["['pg_backend_pid() AS pid', ...calls].join(', ')"],
  'src/database/embedded.ts': ['name'],
  // The user's own statement, on a session that can only read; and a number.
  'src/database/read_query.ts': ['sql', 'most', "sql.replace(/[;\\s]+$/, '')"],
  // The benchmark's own tables, and databases named by a prefix of ours and random digits.
  'src/bench/floor.ts': [
    'leaf',
    'build',
    'from',
    "columns.join(', ')",
    "leaves.map(tableSql).join('; ')",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code that is quoted here
    "leaves.map((leaf) => `SELECT trades FROM floor.${leaf}`).join(' UNION ALL ')",
  ],
  'src/bench/floor_sender.ts': ['file.leaf'],
  // Numbers of its own.
  'src/bench/day_two.ts': ['within'],
  'src/bench/cluster_database.ts': ['this.#name', 'how'],
  'src/bench/bench_database.ts': ['name', 'this.name', 'admin.escapeIdentifier(datname)'],
  // Commands that doctor advises and does not run: names and numbers of the server's own settings.
  'src/doctor/server_checks.ts': ['left - BASE_SESSIONS', 'server.limit + needed', 'value', 'name'],
  'src/doctor/server_settings.ts': ['name', 'to', 'then'],
  'src/load/run_session.ts': ['this.#runId'],
  'src/database/stamps.ts': ['expression', 'parameter'],
  // States, events and lists of columns: literals of the functions that call.
  'src/state/tasks/give_up.ts': ['columns'],
  'src/state/series/coverage_rows.ts': ['seriesIds', 'fromUs', 'toUs', 'taskId', 'seriesId', 'end'],
  'src/state/series/indicator_states.ts': ['seriesIds', 'tsUs', 'states'],
  'src/state/tasks/task_listing.ts': [
    'more',
    "replaces ? OVERRULING : ''",
    "replaces ? IS_OVERRULED : 'false'",
  ],
  'src/state/moves.ts': ['transition', 'from', 'to', 'reason', 'alias'],
  // Numbers.
  'src/workers/attempt/transaction.ts': ['commits', 'this.#taskId', 'this.#attempt'],
  'src/workers/attempt/append.ts': ['written', 'series.rows'],
};

const SQL =
  /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|COPY|SET LOCAL|BEGIN|FETCH|DECLARE|GRANT|REVOKE|TRUNCATE|WHERE|JOIN|ORDER BY|FROM|extract\()/;
const TEMPLATE = /`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}`]|`[^`]*`|\{[^}]*\})*\})*`/g;
const INTERPOLATION = /\$\{((?:[^{}`]|`[^`]*`|\{[^}]*\})*)\}/g;

it('has nothing in its text but constants and what has been looked at', () => {
  const found = new Set<string>();
  const strange: string[] = [];
  for (const name of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
    const file = `src/${name.replaceAll('\\', '/')}`;
    if (!file.endsWith('.ts') || /^src\/(ui|sample|report\/report_html)/.test(file)) continue;
    const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [literal] of code.matchAll(TEMPLATE)) {
      if (!SQL.test(literal)) continue;
      for (const [, inner] of literal.matchAll(INTERPOLATION)) {
        const expression = inner!.trim();
        found.add(expression);
        const isFine =
          CONSTANT.test(expression) ||
          HELPERS.test(expression) ||
          LOOKED_AT[file]?.includes(expression) === true;
        if (!isFine) strange.push(`${file}: \${${expression}}`);
      }
    }
  }
  expect(strange).toEqual([]);
  expect(found.size).toBeGreaterThan(50);
});
