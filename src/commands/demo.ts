/** `backhaul demo` (npm start): makes a sample, loads it, shows what came of it. */

import { join, relative } from 'node:path';
import type { Argv } from 'yargs';
import { count, counted, duration } from '../base/quantities.ts';
import { resultLines } from '../ui/query_text.ts';
import { load } from './load.ts';
import { embeddedFolder, undoneByPress, useDatabase, withDatabase } from './options/database_option.ts';
import { LOAD_SETTINGS, loadOptions } from './options/load_options.ts';
import { type Arguments, type Command, declare, onOff, readFlags, resolve } from './options/settings.ts';
import { EXIT, exitCodeOfLoad } from './program/exit_codes.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth } from './program/screen.ts';

const DEMO_SETTINGS = {
  verbose: onOff({ group: 'Output:', describe: 'Say more on stderr: every task, partition and decision' }),
};

/** The sample never goes into a database that is anybody's own. */
const EMBEDDED = 'embedded';

/** What `load` does where nobody sets anything: the demo is the same for everyone. */
const DEFAULTS = { environment: {}, file: new Map<string, readonly string[]>() };

const ONE_ROW = `
SELECT symbol, ts, open, high, low, close, volume, trades, sma_20, ema_200, rsi_14, macd, bb_upper, bb_lower, vwap, atr_14
FROM candles WHERE venue = 'kraken' AND symbol = 'XBTUSD' AND interval_s = 3600 ORDER BY ts DESC LIMIT 1`;

/** Worth trying next; each works as it stands after the demo. */
const NEXT: readonly (readonly [string, string])[] = [
  [
    'query "SELECT ts::date AS day, close, round(sma_20::numeric, 1) AS sma_20, round(rsi_14::numeric, 1) AS rsi_14 FROM candles WHERE symbol = \'XBTUSD\' AND interval_s = 86400 ORDER BY ts DESC LIMIT 10"',
    'a day a row, with its indicators',
  ],
  [
    'query "SELECT symbol, round(sum(volume)) AS shares, max(high) AS high FROM candles WHERE venue = \'us_stocks_sip\' GROUP BY symbol ORDER BY shares DESC LIMIT 10"',
    'the busiest tickers',
  ],
  ['status', 'what is loaded, what waits, what failed and why'],
];

export const command: Command = {
  settings: [DEMO_SETTINGS],
  command: 'demo',
  describe: 'Make a sample of a million records and load it (npm start)',
  builder: (yargs) => declare(yargs as Argv<Arguments>, DEMO_SETTINGS),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(DEMO_SETTINGS, [], argv);
    const sources = await makeFiles();
    await withDatabase(await useDatabase(EMBEDDED), async ({ url }) => {
      const options = loadOptions(sources, resolve(LOAD_SETTINGS, {}, DEFAULTS), url);
      const summary = await load(options, { json: false, verbose: flags.verbose ?? false });
      process.exitCode = exitCodeOfLoad(summary);
      if (process.exitCode === EXIT.interrupted) return;
      await showOneRow(url);
    });
    if (process.exitCode === EXIT.interrupted) return;
    const { environment, file } = surroundings;
    const elsewhere = ['DATABASE_URL', 'BACKHAUL_DATABASE'].some((name) => (environment[name] ?? '') !== '');
    showNext(elsewhere || file.has('database') ? ` --database ${EMBEDDED}` : '');
  },
};

async function makeFiles(): Promise<string[]> {
  const { makeSample } = await import('../sample/sample.ts');
  const folder = join(embeddedFolder(), 'sample');
  const shown = relative(process.cwd(), folder);
  say(
    stderrStyle().dim(
      `Sample files in ${shown}: a quarter of crypto bars in a zip, five days of stocks in gzip …`,
    ),
  );
  const started = performance.now();
  const sample = await undoneByPress((signal) => makeSample(folder, undefined, signal));
  const seconds = (performance.now() - started) / 1000;
  const what = `${count(sample.records)} records in ${counted(sample.files, 'file')}`;
  say(sample.made ? `Made ${what} in ${duration(seconds)}.` : `They are there: ${what}.`);
  return sample.sources.map((source) => relative(process.cwd(), source));
}

async function showOneRow(url: string): Promise<void> {
  const { openReadQuery } = await import('../database/read_query.ts');
  const query = await openReadQuery({ url, embedded: true }, ONE_ROW, 0);
  try {
    const rows = await query.fetch(1);
    const width = Math.min(100, stdoutWidth());
    print('', 'A row of it, indicators and all:', ...resultLines(query.columns, rows, width, stdoutStyle()));
  } finally {
    await query.close();
  }
}

function showNext(suffix: string): void {
  const style = stdoutStyle();
  const lines = NEXT.flatMap(([text, what]) => [style.dim(`# ${what}`), `npx backhaul ${text}${suffix}`]);
  print('', style.bold('Worth trying next:'), ...lines);
}
