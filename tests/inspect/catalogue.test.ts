import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { draftLayout } from '../../src/inspect/draft.ts';
import type { Inspection } from '../../src/inspect/inspection.ts';
import { locateFile } from '../../src/inspect/located_file.ts';
import { folderWith } from '../producer/folder.ts';
import { SAMPLES, type Sample } from '../producer/layouts/samples.ts';
import { read } from './inspecting.ts';

/** The catalogue's samples through the data plane, by their layouts and by drafts. */

const folder = folderWith({});

function fileOf({ path, text }: Sample, i: number): string {
  const file = join(folder, String(i), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, path.endsWith('.gz') ? gzipSync(text) : text);
  return file;
}

const files = SAMPLES.map(fileOf);
const cases = SAMPLES.map((sample, i) => [sample.layout, sample.path, i] as const);

/** What counts of bars: not what their market is called. */
function barsOf({ interval, reading }: Inspection): unknown {
  const { first, read: all, bars, rejected, fault } = reading;
  return {
    interval: interval.value,
    counts: [all, bars, rejected, fault],
    bars: first.map(({ barTs, open, high, low, close, volume }) => [barTs, open, high, low, close, volume]),
  };
}

describe('by its layout', () => {
  it.each(cases)('%s reads %s', async (layout, _, i) => {
    const found = await read(files[i]!, null, { rows: 10 });
    const [bar] = found.reading.first;
    const { barTs, close, volume, symbol } = bar!;
    const stamp = new Date(barTs / 1000).toISOString().slice(0, 19);
    expect(found.layout).toBe(layout);
    expect(found.reading).toMatchObject({ bars: SAMPLES[i]!.bars, fault: null });
    expect(`${found.venue.value} ${symbol} ${found.interval.value} ${stamp} ${close} ${volume}`).toBe(
      SAMPLES[i]!.first,
    );
  });
});

it('leaves out candles that OKX says are not complete', async () => {
  const { path, text } = SAMPLES.find(({ layout }) => layout === 'okx')!;
  const open = text.trimEnd().split('\n').at(-1)!.replace('1761148980000,1', '1761149040000,0');
  const file = fileOf({ layout: 'okx', path, text: `${text}${open}\n`, first: '', bars: 4 }, SAMPLES.length);
  const { reading } = await read(file, null, { rows: 10 });
  expect(reading).toMatchObject({ read: 4, bars: 4, rejected: 0, fault: null });
});

describe('without its layout', () => {
  /** What cannot be seen: fixed points of ten-thousandths, a day in a name, JSON, which of two days is meant, stamps of ends; trades. */
  const UNSEEN = [
    'massive-sessions',
    'lean-equity',
    'lean-equity-daily',
    'lean-crypto',
    'freqtrade-json',
    'backhaul-export',
    'bitmex',
    'ninjatrader',
  ];
  const drafted = cases.filter(([layout]) => !UNSEEN.includes(layout) && !layout.endsWith('-trades'));

  it.each(drafted)('a draft for %s gives the bars of %s', async (_layout, _path, i) => {
    const sample = SAMPLES[i]!;
    const known = await read(files[i]!, null, { rows: 10 });
    const file = await locateFile(files[i]!, {}, new AbortController().signal);
    const intervalS = { '1m': 60, '1d': 86_400 }[known.interval.value] ?? null;
    const given = { zone: sample.zone ?? null, venue: null, interval: sample.bars === 1 ? intervalS : null };
    expect(barsOf(await read(files[i]!, draftLayout(file, given).layout, { rows: 10 }))).toEqual(
      barsOf(known),
    );
  });

  it('is so for most of the catalogue', () => {
    expect(new Set(drafted.map(([layout]) => layout)).size).toBeGreaterThanOrEqual(25);
  });
});
