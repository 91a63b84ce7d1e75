import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { sniffEncoding } from '../../src/scan/encoding.ts';
import { Scanner } from '../../src/scan/scanner.ts';
import { SymbolTable } from '../../src/scan/symbol_table.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { checksOf, shapeOf } from '../scan/scan_run.ts';
import { type Base, bases, excerpt, isThere } from './fuzz/bases.ts';
import { isReadable, wrongWithFault, wrongWithReading, wrongWithSums } from './fuzz/laws.ts';
import { Dice, LARGE, MUTATIONS } from './fuzz/mutations.ts';
import { run } from './fuzz/pipeline.ts';

/**
 * Every file of ../shared/data, mutated. `BACKHAUL_LONG=1` tries many more for `BACKHAUL_FUZZ_MINUTES` (3), from a new
 * seed each time; `BACKHAUL_FUZZ_SEED` sets it.
 */

if (!isThere)
  process.stderr.write('strangers.test.ts: the mutated files are skipped, ../shared/data is absent\n');

const isLong = process.env['BACKHAUL_LONG'] === '1';
const seed = Number(process.env['BACKHAUL_FUZZ_SEED'] ?? (isLong ? Date.now() % 2 ** 31 : 20260614));
const minutes = Number(process.env['BACKHAUL_FUZZ_MINUTES'] ?? 3);
/** Longer than this no file of a few MB may take on the slowest machine. */
const CASE_MS = 20_000;

const folder = scratchFolder();
const files = await bases();
const names = Object.keys(MUTATIONS);

type Container = 'plain' | 'gzip' | 'zip';

interface Case {
  readonly base: Base;
  readonly mutations: readonly string[];
  readonly container: Container;
  /** The container itself is damaged, not only what is in it. */
  readonly damage: string | null;
  readonly seed: number;
}

const DAMAGES: Readonly<Record<string, (bytes: Buffer, dice: Dice) => Buffer>> = {
  flip: MUTATIONS['a flipped bit']!,
  flips: MUTATIONS['flipped bytes']!,
  cut: MUTATIONS['a cut end']!,
  hole: MUTATIONS['a hole']!,
  'something behind': (bytes, dice) =>
    Buffer.concat([bytes, Buffer.from(dice.pick(['x', '\0', '\x1f\x8b', 'PK']))]),
};

function packed(content: Buffer, name: string, container: Container): Buffer {
  if (container === 'plain') return content;
  return container === 'gzip' ? gzipSync(content, { level: 1 }) : zipBytes([{ name, data: content }]);
}

function pathIn(base: Base, container: Container): string {
  if (container === 'gzip') return `${base.path}.gz`;
  return container === 'zip' ? base.path.replace(/\.csv$/, '.zip') : base.path;
}

/** What a file says, as UTF-8 (UTF-16 is told by its marks or its first characters); null where it breaks midway. */
function asUtf8(content: Buffer): Buffer | null {
  const encoding = sniffEncoding(content);
  if (encoding === null || encoding === 'utf-8') return content;
  try {
    return Buffer.from(new TextDecoder(encoding, { fatal: true }).decode(content));
  } catch {
    return null;
  }
}

/** Runs one case and gives what is wrong with its outcome. */
async function wrongWith(one: Case): Promise<string[]> {
  const dice = new Dice(one.seed);
  let content = excerpt(one.base, dice.pick([300, 3_000, 20_000]), dice);
  for (const name of one.mutations) content = Buffer.from(MUTATIONS[name]!(content, dice));
  const text = asUtf8(content);
  let bytes = packed(content, one.base.path.slice(one.base.path.lastIndexOf('/') + 1), one.container);
  if (one.damage !== null) bytes = DAMAGES[one.damage]!(bytes, dice);
  const started = performance.now();
  const ended = await run(folder, pathIn(one.base, one.container), bytes);
  const took = performance.now() - started;
  const wrong = ended.flatMap((task) => [
    ...wrongWithFault(task),
    ...wrongWithSums(task, text ?? content, one.base.isBare ? 0 : 2),
    ...(one.base.isBare && one.damage === null && text !== null && isReadable(text)
      ? wrongWithReading(task, text)
      : []),
  ]);
  // A damaged directory of a zip may name another entry, or none.
  if (ended.length !== 1 && one.damage === null) wrong.push(`${ended.length} tasks`);
  if (!one.base.isBars && ended.some((task) => task.kind === 'loaded' && task.rows.loaded > 0))
    wrong.push('rows out of a file that holds no bars');
  if (took > CASE_MS) wrong.push(`it took ${Math.round(took)} ms`);
  counted[ended[0]?.kind ?? 'failed']++;
  return wrong;
}

const counted = { loaded: 0, failed: 0 };

function describeCase(one: Case): string {
  const { base, mutations, container, damage } = one;
  return `${base.path}, ${container}${damage === null ? '' : ` (${damage})`}, ${mutations.join(' + ')}, seed ${one.seed}`;
}

async function expectFine(cases: Iterable<Case>): Promise<number> {
  const wrong: string[] = [];
  let tried = 0;
  for (const one of cases) {
    tried++;
    try {
      for (const what of await wrongWith(one)) wrong.push(`${describeCase(one)}: ${what}`);
    } catch (error) {
      wrong.push(`${describeCase(one)}: threw ${(error as Error).stack}`);
    }
    if (wrong.length >= 20) break;
  }
  expect(wrong).toEqual([]);
  return tried;
}

/** Every file with every mutation; where the run is not a long one, each of either with an eighth of the others. */
function* singles(): Iterable<Case> {
  const dice = new Dice(seed);
  for (const [i, base] of files.entries())
    for (const [j, name] of names.entries()) {
      // The large ones are the same for all files of a layout: one file has its turn.
      const hasTurn = LARGE.has(name) ? i === j % files.length : (i + j) % 8 === 0;
      if (isLong || hasTurn)
        yield { base, mutations: [name], container: 'plain', damage: null, seed: dice.below(2 ** 31) };
    }
}

/** Several mutations at once, in containers that may be damaged too. */
function* combinations(): Iterable<Case> {
  const dice = new Dice(seed + 1);
  const until = performance.now() + minutes * 60_000;
  for (let n = 0; isLong ? performance.now() < until : n < 150; n++) {
    const mutations = Array.from({ length: dice.below(4) }, () => dice.pick(names)).filter(
      (name) => !LARGE.has(name) || dice.next() < 0.03,
    );
    const container = dice.pick(['plain', 'gzip', 'zip'] as const);
    const damage = container !== 'plain' && dice.next() < 0.5 ? dice.pick(Object.keys(DAMAGES)) : null;
    yield { base: dice.pick(files), mutations, container, damage, seed: dice.below(2 ** 31) };
  }
}

describe.skipIf(!isThere)('a mutated file', () => {
  it(
    'ends as a load whose sums add up or as a named fault, alone and with others, in any container',
    async () => {
      const tried = (await expectFine(singles())) + (await expectFine(combinations()));
      process.stderr.write(
        `strangers: seed ${seed}, ${files.length} files, ${tried} mutations, ` +
          `${counted.loaded} loaded, ${counted.failed} refused\n`,
      );
      expect(counted.loaded).toBeGreaterThan(100);
      expect(counted.failed).toBeGreaterThan(100);
    },
    (minutes + 20) * 60_000,
  );
});

/** The path of a base under a symbol of its own; null where the symbol is not in the name alone. */
function renamed(base: Base, symbol: string): string | null {
  const kraken = /[^/]+_(\d+\.csv|Daily_OHLC\.csv)$/.exec(base.path);
  if (base.path.startsWith('kraken') && kraken !== null) return `kraken/${symbol}_${kraken[1]}`;
  const binance = /[^/]+?(-\d+[hmd]-[\d-]+\.csv)$/.exec(base.path);
  return binance === null ? null : base.path.replace(/[^/]+$/, `${symbol}${binance[1]}`);
}

describe.skipIf(!isThere)('many mutated files in one load', () => {
  it('end in a database as each of them does without one, and what stands is what was counted', async () => {
    const database = await testDatabase();
    const home = `${folder}/many`;
    const dice = new Dice(seed + 2);
    const expected = new Map<string, Awaited<ReturnType<typeof run>>[number]>();
    const small = names.filter((name) => !LARGE.has(name));
    for (let n = 0; expected.size < (isLong ? 2000 : 50); n++) {
      const symbol = `S${n}USD`;
      const base = dice.pick(files);
      const path = renamed(base, symbol);
      if (path === null) continue;
      let content = excerpt(base, dice.pick([300, 3_000]), dice);
      for (let times = 1 + dice.below(2); times > 0; times--)
        content = Buffer.from(MUTATIONS[dice.pick(small)]!(content, dice));
      const [alone] = await run(`${folder}/alone`, path, content);
      expected.set(symbol, alone!);
      write(home, path, content);
    }
    await load(database.url, [home]);
    const { rows } = await database.pool.query<Record<string, string | number | null>>(`
      SELECT (regexp_match(uri, '/(S\\d+USD)[^/]*$'))[1] AS symbol, state, error->>'kind' AS fault, rows_read AS read,
        rows_loaded AS loaded, rows_rejected AS rejected, rows_duplicate AS duplicate,
        (SELECT count(*) FROM backhaul.reject r WHERE r.task_id = t.task_id) AS rejects
      FROM backhaul.task t`);
    expect(rows).toHaveLength(expected.size);
    const standing = await database.pool.query<{ symbol: string; bars: number }>(
      'SELECT symbol, count(*) AS bars FROM backhaul.candles GROUP BY 1',
    );
    const bars = new Map(standing.rows.map((row) => [row.symbol, row.bars]));
    const wrong: unknown[] = [];
    for (const row of rows) {
      const symbol = row['symbol'] as string;
      const alone = expected.get(symbol)!;
      const want =
        alone.kind === 'failed'
          ? { state: 'failed', fault: alone.fault.kind, bars: 0, rejects: 0 }
          : {
              state: 'loaded',
              read: alone.rows.read,
              loaded: alone.rows.loaded,
              rejected: alone.rows.rejected,
              duplicate: alone.rows.duplicate,
              bars: alone.rows.loaded,
              rejects: alone.rows.rejected,
            };
      const found: Record<string, unknown> = { ...row, bars: bars.get(symbol) ?? 0 };
      for (const [name, value] of Object.entries(want))
        if (found[name] !== value) wrong.push([symbol, name, found[name], value]);
    }
    expect(wrong).toEqual([]);
    process.stderr.write(`strangers: ${rows.length} mutated files in one load\n`);
  }, 900_000);
});

describe('the scanner', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const held = (): number => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  it.each([
    ['an endless line', (piece: Uint8Array) => piece.fill(0x31)],
    ['an endless line of delimiters', (piece: Uint8Array) => piece.fill(0x2c)],
    ['an endless line of quotes', (piece: Uint8Array) => piece.fill(0x22)],
    [
      'a quoted field without end',
      (piece: Uint8Array, at: number) => piece.fill(at === 0 ? 0x22 : 0x0a, 0, 1),
    ],
    ['lines of 1 MB', (piece: Uint8Array) => piece.fill(0x0a, 0, 1)],
    ['lines a little shorter than allowed', (piece: Uint8Array) => piece.fill(0x0a, 0, 64)],
  ])('holds no more than a few records of %s', (_, fill) => {
    const roles = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const;
    const scanner = new Scanner(shapeOf(roles), checksOf(), new SymbolTable('X', null), 'time');
    const out = new BarColumns(64);
    const good = Buffer.from('1600000020,1,2,1,1.5,3,4\n');
    scanner.push(good, 0, good.length, out);
    const piece = new Uint8Array(1 << 20).fill(0x78);
    const before = held();
    let most = 0;
    for (let at = 0; at < 40; at++) {
      piece.fill(0x78);
      fill(piece, at);
      for (let from = 0; from < piece.length; ) from += scanner.push(piece, from, piece.length, out);
      if (at % 8 === 0) most = Math.max(most, held() - before);
    }
    while (!scanner.finish(out)) throw new Error('there is room for all its rows');
    expect(scanner.counters.recordsRead).toBeGreaterThan(1);
    // A record may have 1 MiB; it is held in a buffer of twice that, beside the one before it grew.
    expect(most).toBeLessThan(8 << 20);
  });
});
