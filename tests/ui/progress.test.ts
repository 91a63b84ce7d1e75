import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../src/load/load_events.ts';
import { type ProgressStream, progressOn } from '../../src/ui/progress.ts';
import { drawnLine, plainLine, RecentRate } from '../../src/ui/progress_line.ts';
import { styleFor } from '../../src/ui/style.ts';
import { displayWidth } from '../../src/ui/text.ts';

const AT: ProgressEvent = {
  type: 'progress',
  phase: 'load',
  tasksDone: 1234,
  tasksTotal: 9800,
  bytesDone: 250_000_000,
  bytesTotal: 1_000_000_000,
  rowsRead: 4_000_000,
  rowsLoaded: 3_900_000,
  rowsRejected: 1200,
  tasksFailed: 3,
  workers: 8,
  workersWanted: 8,
  seconds: 20,
  waits: { source: 0, lane: 0, copy: 0 },
};

function rate(): RecentRate {
  const recent = new RecentRate();
  recent.add({ ...AT, seconds: 10, rowsRead: 2_000_000, bytesDone: 150_000_000 });
  recent.add(AT);
  return recent;
}

/** A stream that keeps what it gets. */
function stream(tty: boolean, columns = 80): ProgressStream & { text: string } {
  const sink = new Writable({
    write(piece, _encoding, done) {
      result.text += piece;
      done();
    },
  });
  const result = Object.assign(sink, { text: '', isTTY: tty, columns });
  return result;
}

/** What a terminal shows in the end, of the few control sequences that drawing takes. */
function screen(text: string): string[] {
  const rows = [''];
  let row = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  for (const [piece, code] of text.matchAll(/\x1b\[([?0-9;]*[A-Za-z])|\n|[^\x1b\n]+/g)) {
    if (piece === '\n') rows[++row] ??= '';
    else if (code === undefined) rows[row] += piece;
    else if (code === '2K') rows[row] = '';
    else if (code.endsWith('A')) row -= Number(code.slice(0, -1) || 1);
    else if (code !== 'G' && !code.startsWith('?2026')) throw new Error(`not known: ${code}`);
  }
  while (rows.at(-1) === '') rows.pop();
  return rows;
}

describe('the drawn line', () => {
  it.each([10, 20, 30, 40, 60, 79, 119])('fits into %i columns, colours or not', (width) => {
    const coloured = styleFor({ isTTY: true }, {});
    expect(displayWidth(drawnLine(AT, rate(), width))).toBeLessThanOrEqual(width);
    expect(displayWidth(drawnLine(AT, rate(), width, coloured))).toBeLessThanOrEqual(width);
  });

  it('has a bar, the share, files, rows, what is wrong and what is left', () => {
    const line = drawnLine(AT, rate(), 119);
    expect(line).toMatch(/^█+░+ /);
    for (const part of [
      '25%',
      '1,234/9,800 files',
      '3.90M rows',
      '200k/s',
      '1.20k rejects',
      '3 failed',
      '1:15 left',
    ]) {
      expect(line).toContain(part);
    }
  });

  it('is not misled by nothing to do and no time passed', () => {
    const nothing = { ...AT, bytesDone: 0, bytesTotal: 0, rowsRead: 0, seconds: 0 };
    expect(drawnLine(nothing, new RecentRate(), 80)).not.toMatch(/NaN|Infinity|left/);
    expect(plainLine(nothing, new RecentRate())).not.toMatch(/NaN|Infinity/);
  });
});

describe('the rate', () => {
  it('follows the last seconds', () => {
    const recent = new RecentRate();
    for (let s = 0; s <= 100; s++) {
      // 1,000 rows a second, then 5,000.
      const rows = s <= 50 ? s * 1000 : 50_000 + (s - 50) * 5000;
      recent.add({ ...AT, seconds: s, rowsRead: rows });
    }
    expect(recent.rowsPerSecond).toBeCloseTo(5000);
  });
});

describe('progress', () => {
  it('off a terminal is one plain line every ten seconds', async () => {
    let now = 0;
    const out = stream(false);
    const progress = await progressOn(out, {}, () => now);
    for (; now <= 35_000; now += 250) progress.progress({ ...AT, seconds: now / 1000 });
    progress.stop();
    const lines = out.text.trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(out.text).not.toContain('\x1b');
    expect(lines[0]).toMatch(/^1,234 of 9,800 files, 25% of 1\.00 GB, 3,900,000 rows, /);
  });

  it('on a terminal leaves what was said, and no bar', async () => {
    const out = stream(true, 60);
    const progress = await progressOn(out, { NO_COLOR: '1' }, () => 0);
    progress.progress(AT);
    progress.say('a remark that stays');
    progress.stop();
    progress.stop();
    expect(out.text).toContain('a remark that stays\n');
    expect(out.text).toContain('1,234/9,800 files');
    // NO_COLOR forbids colours, not the moves of the cursor that drawing needs.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences.
    expect(out.text).not.toMatch(/\x1b\[[0-9;]*m/);
    expect(screen(out.text)).toEqual(['a remark that stays']);
  });

  it('on a dumb terminal is plain', async () => {
    const out = stream(true);
    (await progressOn(out, { TERM: 'dumb' }, () => 0)).say('hello');
    expect(out.text).toBe('hello\n');
  });
});

describe('colours', () => {
  it('are for terminals, and not where NO_COLOR is set', () => {
    expect(styleFor({ isTTY: true }, {}).red('x')).toBe('\x1b[31mx\x1b[39m');
    expect(styleFor({ isTTY: true }, { NO_COLOR: '' }).red('x')).toBe('\x1b[31mx\x1b[39m');
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x');
    expect(styleFor({ isTTY: true }, { TERM: 'dumb' }).red('x')).toBe('x');
    expect(styleFor({}, {}).red('x')).toBe('x');
  });
});
