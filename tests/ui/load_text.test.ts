import { describe, expect, it } from 'vitest';
import { exitCodeOfFault, exitCodeOfLoad } from '../../src/commands/program/exit_codes.ts';
import type { LoadSummary, PlanEvent, TaskEvent } from '../../src/load/load_events.ts';
import { eventLine } from '../../src/ui/json_lines.ts';
import { eventText, PlannedFiles, planLines, summaryLines } from '../../src/ui/load_text.ts';
import { PLAIN } from '../../src/ui/style.ts';
import { displayWidth } from '../../src/ui/text.ts';

const FINE: LoadSummary = {
  type: 'summary',
  dryRun: false,
  runId: 7,
  hosts: [],
  sources: ['./data'],
  objects: 3,
  entries: 42,
  tasks: { loaded: 45, failed: 0, skipped: 0, unchanged: 2, released: 0 },
  leftOut: 0,
  filtered: 0,
  byRecords: [],
  notRead: { files: 0, kinds: {} },
  rows: { read: 1000, loaded: 1000, rejected: 0, duplicate: 0, empty: 0, conflict: 0, outside: 0, trades: 0 },
  bytes: 21_400_000,
  inflatedBytes: 63_900_000,
  seconds: 2,
  discoverSeconds: 0.1,
  finishSeconds: 0.2,
  rowsPerSecond: 500,
  inflatedBytesPerSecond: 31_960_000,
  peakWorkers: 2,
  series: 42,
  firstTs: Date.UTC(2024, 3, 1) * 1000,
  lastTs: Date.UTC(2024, 5, 30, 23, 59) * 1000,
  failures: [],
  rejects: [],
  nothingToDo: false,
  interrupted: false,
};

const FAULTY: LoadSummary = {
  ...FINE,
  tasks: { ...FINE.tasks, failed: 12 },
  rows: { ...FINE.rows, read: 1012, rejected: 12, conflict: 3 },
  failures: Array.from({ length: 11 }, (_, i) => ({
    uri: `file:///d/${i}.gz`,
    entry: null,
    taskId: i,
    fault: {
      kind: 'truncated' as const,
      message: 'ends early',
      where: { uri: `file:///d/${i}.gz`, byteOffset: 5 },
    },
  })),
  rejects: [
    {
      reason: 'price',
      count: 12,
      example: {
        uri: 'file:///d/a.csv',
        entry: null,
        line: 3,
        byteOffset: 99,
        field: 'close',
        record: '1,2,0\x1b',
      },
    },
  ],
};

describe('files that nobody read', () => {
  const notRead = { files: 4, kinds: { '.parquet': 1, hidden: 1, '.zst': 2 } };

  it('are counted by kind, most first, whatever else there is to say', () => {
    const line = '  4 files not read: 2 .zst, 1 .parquet, 1 hidden';
    expect(summaryLines({ ...FINE, notRead })).toContain(line);
    expect(summaryLines({ ...FINE, notRead, nothingToDo: true })).toContain(line);
    expect(summaryLines(FINE).join()).not.toContain('not read');
  });
});

describe('the summary', () => {
  it('tells what, how fast, how many series and which range', () => {
    const text = summaryLines(FINE).join('\n');
    expect(text).toContain('Loaded 1,000 rows in 2.00 s (500 rows/s, 32.0 MB/s)');
    expect(text).toContain('45 loaded, 2 loaded before (21.4 MB, 63.9 MB inflated)');
    expect(text).toContain('42, 2024-04-01 00:00 to 2024-06-30 23:59 UTC');
    expect(text).not.toMatch(/reject|fail|conflict|duplicate/);
  });

  it('shows rejects by reason with the first of each, failures with why, and what to do', () => {
    const text = summaryLines(FAULTY).join('\n');
    expect(text).toContain('12 price: /d/a.csv, line 3, field close: 1,2,0\\x1b');
    expect(text).toContain('failed /d/0.gz\n    ends early\n    at byte 5');
    expect(text).toContain('… and 2 more');
    expect(text).toContain('3 bars stood with other values');
    expect(text).toContain('npx backhaul query "SELECT * FROM backhaul.reject');
    expect(text).toContain('npx backhaul retry');
  });

  it('of an incremental load says in one line that nothing is newer, and what was left out', () => {
    const rows = { ...FINE.rows, loaded: 0, rejected: 0, conflict: 0 };
    const idle = { ...FINE, rows, leftOut: 46, tasks: { ...FINE.tasks, loaded: 1, unchanged: 3 } };
    expect(summaryLines(idle, PLAIN, true)).toEqual([
      `Nothing is newer than the bars that stand: 46 files end there and were left out, 3 loaded before, 1 looked into without a newer bar (${FINE.sources.join(', ')})`,
    ]);
    expect(summaryLines(idle, PLAIN)[0]).toMatch(/^Loaded 0 rows/);
    const newer = { ...idle, rows: { ...rows, loaded: 5 } };
    expect(summaryLines(newer, PLAIN, true).join(' ')).toMatch(/^Loaded 5 rows.*46 left out/);
    const failed = { ...idle, tasks: { ...idle.tasks, failed: 1 } };
    expect(summaryLines(failed, PLAIN, true)[0]).toMatch(/^Loaded 0 rows/);
  });

  it('says so where every file is of something else than was asked for', () => {
    const tasks = { ...FINE.tasks, loaded: 0, unchanged: 0, skipped: 0, failed: 0, released: 0 };
    const lines = summaryLines({ ...FINE, nothingToDo: false, filtered: 6, tasks });
    expect(lines).toEqual([expect.stringMatching(/^Nothing to load: all 6 files are of other symbols/)]);
    expect(summaryLines({ ...FINE, nothingToDo: false, filtered: 6 })[0]).toMatch(/^Loaded /);
    expect(summaryLines({ ...FINE, nothingToDo: false, tasks })[0]).toMatch(
      /^Nothing to load: there is no file \(/,
    );
    expect(planLines(new PlannedFiles(), { ...FINE, filtered: 1 }, 100)[0]).toMatch(/: the file is of other/);
  });

  it('says so when there was nothing to do', () => {
    const idle = { ...FINE, nothingToDo: true, tasks: { ...FINE.tasks, loaded: 0, unchanged: 47 } };
    expect(summaryLines(idle)).toEqual([
      'Nothing to do: all 47 files are loaded already (./data)',
      expect.stringContaining('--reload loads all again'),
    ]);
  });

  it('says how to go on after an interrupt', () => {
    const text = summaryLines({ ...FINE, interrupted: true }).join('\n');
    expect(text).toMatch(/^Interrupted\. Loaded 1,000 rows/);
    expect(text).toContain('same command carries on');
  });
});

describe('the exit code', () => {
  it('is decided by how the load ended', () => {
    expect(exitCodeOfLoad(FINE)).toBe(0);
    expect(exitCodeOfLoad(FAULTY)).toBe(3);
    expect(exitCodeOfLoad({ ...FINE, rows: { ...FINE.rows, rejected: 1 } })).toBe(3);
    expect(exitCodeOfLoad({ ...FINE, tasks: { ...FINE.tasks, failed: 1 } })).toBe(3);
    expect(exitCodeOfLoad({ ...FAULTY, interrupted: true })).toBe(130);
  });

  it('is 2 for what cannot be meant, 1 for what went wrong', () => {
    expect(exitCodeOfFault('usage')).toBe(2);
    expect(exitCodeOfFault('not-found')).toBe(1);
    expect(exitCodeOfFault('database-connect')).toBe(1);
    expect(exitCodeOfFault('interrupted')).toBe(130);
  });
});

describe('the plan', () => {
  const task: PlanEvent = {
    type: 'plan',
    uri: `file:///${'deep/'.repeat(30)}XBTUSD_1.csv`,
    entry: null,
    layout: 'kraken-ohlcvt',
    venue: 'kraken',
    symbol: 'XBTUSD',
    intervalS: 60,
    lane: 'kraken/XBTUSD/60',
    sizeBytes: 12_345,
    state: 'new',
  };

  it('is a table no wider than the terminal, with the ends of long paths', () => {
    const plan = new PlannedFiles();
    plan.add(task);
    plan.add({ ...task, symbol: null });
    const lines = planLines(plan, FINE, 100);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(100);
    expect(lines[1]).toMatch(/XBTUSD_1\.csv {2}kraken-ohlcvt {2}kraken XBTUSD 1m {2}12\.3 kB {2}new$/);
    expect(lines[2]).toContain('kraken * 1m');
    expect(lines.at(-1)).toBe('2 files, 24.7 kB. Nothing was written.');
    expect(planLines(new PlannedFiles(), FINE, 100)).toEqual(['No file to load.']);
  });

  it('lists what would fail as a load does, and never says that there is no file then', () => {
    const fault = { kind: 'not-a-bar-file', message: 'the file is no bar file' } as const;
    const fails = {
      tasks: { failed: 12 },
      failures: Array.from({ length: 12 }, (_, n) => ({
        uri: `file:///d/${n}.csv`,
        entry: null,
        taskId: null,
        fault,
      })),
    };
    const alone = planLines(new PlannedFiles(), fails, 100).join('\n');
    expect(alone).toMatch(/^12 files would fail:\n {2}failed \/d\/0\.csv\n {4}.*the file is no bar file/);
    expect(alone).toMatch(/and 2 more$/);
    const some = new PlannedFiles();
    some.add(task);
    expect(planLines(some, fails, 100).join('\n')).toContain('Nothing was written.\n12 files would fail:');
  });

  it('shows a thousand files and counts the rest', () => {
    const plan = new PlannedFiles();
    for (let i = 0; i < 1_234; i++) plan.add(task);
    const lines = planLines(plan, FINE, 100);
    expect(lines).toHaveLength(1 + 1_000 + 3);
    expect(lines.slice(-3)).toEqual([
      '… and 234 more: --json lists them all',
      '',
      '1,234 files, 15.2 MB. Nothing was written.',
    ]);
  });
});

describe('events', () => {
  const event: TaskEvent = {
    type: 'task',
    uri: 'file:///d/a.gz',
    entry: null,
    outcome: 'loaded',
    attempt: 1,
    rows: FINE.rows,
    inflatedBytes: 0,
    seconds: 1,
    waits: { source: 0, lane: 0, copy: 0 },
    fault: null,
  };

  it('speak of what goes wrong always, of the rest when asked', () => {
    expect(eventText(event, false)).toBeNull();
    expect(eventText(event, true)).toBe('loaded /d/a.gz: 1,000 rows, 1.00 s');
    const fault = { kind: 'network' as const, message: 'reset' };
    expect(eventText({ ...event, outcome: 'failed', fault }, false)).toBe('failed /d/a.gz: reset');
    expect(eventText({ ...event, outcome: 'retry', fault }, false)).toBe(
      'again /d/a.gz after attempt 1: reset',
    );
  });

  it('are JSON lines in snake_case with ISO times', () => {
    const line = eventLine(FAULTY);
    expect(line).not.toContain('\n');
    const read = JSON.parse(line);
    expect(read.type).toBe('summary');
    expect(read.first_ts).toBe('2024-04-01T00:00:00.000000Z');
    expect(read.rows.rejected).toBe(12);
    expect(read.rejects[0].example.byte_offset).toBe(99);
    expect(JSON.parse(eventLine({ type: 'x', at: new Date(0) } as { type: string })).at).toBe(
      '1970-01-01T00:00:00.000Z',
    );
  });
});
