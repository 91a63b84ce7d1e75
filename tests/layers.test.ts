import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * What imports what. A line a folder of `src`, `.` being `src` itself; types and imports at run time count like all
 * others. A folder may use itself, the two of {@link EVERYBODY}, and the folders its line names, each of which stands
 * on a line above: so nothing goes round in a circle, and whoever reads from the top meets no name before its meaning.
 */
const RULES: Readonly<Record<string, string>> = {
  // For everybody; they use nobody.
  base: '',
  faults: '',

  // The data plane: bytes to columns, indicators, bytes for COPY.
  bars: '',
  scan: 'bars',
  'scan/table': 'bars scan',
  indicators: 'bars',
  buckets: 'bars',
  copy: 'bars',

  // What markets trade when, and sessions with PostgreSQL.
  calendar: 'buckets scan',
  database: '',

  // What a task is; the schema, the leaves of its bars, and what the tables hold of series, runs and tasks.
  'state/migrations': '',
  state: 'scan',
  'state/schema': 'copy database scan state state/migrations',
  'state/leaves': 'copy database state state/schema',
  'state/series': 'copy database state state/schema',
  'state/runs': 'database state',
  'state/tasks': 'copy database scan state state/runs state/schema state/series',
  merge: 'bars copy database indicators scan state/leaves state/schema state/series state/tasks',
  rollups: 'bars buckets calendar copy database indicators merge state/schema state/series',

  // From sources to tasks.
  'producer/sources': '',
  'producer/archive': 'producer/sources state',
  'producer/archive/table': 'bars producer/archive producer/sources scan/table state',
  'producer/layouts':
    'bars calendar producer/archive producer/archive/table producer/sources scan scan/table state state/schema',
  'producer/sources/transfer': 'producer/sources',
  'producer/sources/local': 'producer/sources',
  'producer/sources/https': 'producer/sources producer/sources/transfer',
  'producer/sources/s3': 'producer/sources producer/sources/transfer',
  producer:
    'producer/archive producer/sources producer/sources/https producer/sources/local producer/sources/s3',
  'producer/planning': 'producer producer/archive producer/layouts producer/sources scan state state/series',

  // What a thread does, and a run on the main thread.
  'workers/link': 'copy producer/archive producer/sources scan state state/schema state/series',
  'workers/attempt':
    'bars buckets calendar copy indicators merge producer producer/archive producer/archive/table producer/sources rollups scan scan/table state state/leaves state/schema state/series state/tasks workers/link',
  workers: 'database producer/sources/transfer state/schema workers/attempt workers/link',
  'load/scaling': 'workers workers/link',
  load: 'bars buckets copy database indicators load/scaling producer producer/archive producer/planning producer/sources state state/leaves state/runs state/schema state/series state/tasks workers workers/link',

  inspect:
    'bars load producer producer/archive producer/layouts producer/planning producer/sources scan state workers/attempt',

  // What looks at loaded bars, fills what is missing, and computes again.
  series:
    'bars buckets calendar database indicators merge producer/planning rollups state state/leaves state/schema state/series state/tasks',
  events:
    'bars database indicators merge rollups series state state/leaves state/schema state/series state/tasks',
  gaps: 'bars buckets calendar copy database indicators load merge producer/planning rollups scan series state state/leaves state/schema state/series state/tasks',
  report: 'gaps series state/runs state/series',
  validate: 'calendar database gaps series state/series',
  export: 'bars copy database producer/planning scan series state/schema',

  // Around a load.
  backfill: '',
  doctor: 'producer producer/archive producer/sources series state/leaves state/schema state/series',
  notify: 'load',
  sample: '',
  bench:
    'bars copy database indicators load load/scaling producer producer/archive producer/planning sample scan state/leaves state/schema state/series workers workers/attempt workers/link',

  library: 'buckets load producer/layouts series',

  // What speaks to a person, or exits.
  web: 'report series state state/runs',
  telemetry: 'gaps load web',
  ui: 'backfill bench doctor events export gaps inspect load report series state/leaves state/runs state/series validate workers/link',
  'commands/program': 'database load ui',
  'commands/options':
    'bars buckets commands/program database load notify producer/archive producer/sources scan series state/runs state/schema telemetry ui',
  commands:
    'backfill bars bench commands/options commands/program database doctor events export gaps inspect load load/scaling notify producer producer/layouts report sample series state/leaves state/runs state/schema state/series state/tasks telemetry ui validate web',
  '.': 'commands commands/program database events gaps library load report series state/schema ui',
};

const EVERYBODY = ['base', 'faults'];

/** Folders and files that touch nothing but what they are given. */
const PURE: readonly string[] = [
  'bars',
  'scan',
  'scan/table',
  'indicators',
  'buckets',
  'calendar',
  'copy/bar_decoder.ts',
  'copy/bar_encoder.ts',
  'copy/column_decoder.ts',
  'copy/copied_module.ts',
  'copy/leaf.ts',
  'copy/row_encoder.ts',
  'copy/wire.ts',
  'faults/causes.ts',
  'faults/classify.ts',
  'faults/fault.ts',
  'faults/safe_text.ts',
  'base/calendar_rule.ts',
  'base/first_days.ts',
  'base/nearest.ts',
  'base/quantities.ts',
  'base/ranges.ts',
  'base/spellings.ts',
  'base/zone.ts',
];

/** Packages and built-ins that touch the world, by which a pure module would stop being pure. */
const WORLD =
  /^(node:(fs|net|http|https|dns|tls|child_process|worker_threads|process|os|timers|stream|zlib).*|pg.*|@aws-sdk.*|@smithy.*|piscina|yauzl|yargs)$/;

/** Paths below `src`, with `/`. */
const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => slashed(relative('src', join(entry.parentPath, entry.name))));

function slashed(path: string): string {
  return path.replaceAll('\\', '/');
}

function textOf(file: string): string {
  return readFileSync(join('src', file), 'utf8');
}

function codeOf(file: string): string {
  return textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

/** The specifier of every import and re-export, those at run time and of types included. */
function specifiers(file: string): string[] {
  const found = textOf(file).matchAll(
    /^(?:import|export)\s(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/gm,
  );
  return [...found].map((match) => match[1] ?? match[2]!);
}

const importsByFile = new Map(
  sources.map((file) => [
    file,
    specifiers(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => slashed(relative('src', resolve('src', dirname(file), specifier)))),
  ]),
);

/** The files of `src` a file imports. */
function importsOf(file: string): readonly string[] {
  return importsByFile.get(file) ?? [];
}

/** A circle among the files below `start`, as a path; null where there is none. */
function circleFrom(start: string, seen: Set<string>, path: readonly string[] = []): string[] | null {
  if (path.includes(start)) return [...path.slice(path.indexOf(start)), start];
  if (seen.has(start)) return null;
  seen.add(start);
  for (const next of importsOf(start)) {
    const circle = circleFrom(next, seen, [...path, start]);
    if (circle !== null) return circle;
  }
  return null;
}

function isPure(file: string): boolean {
  return PURE.some((one) => file === one || file.startsWith(`${one}/`));
}

describe('the table', () => {
  it('has a line for every folder with a file in it, and for no other', () => {
    const folders = new Set(sources.map((file) => dirname(file)));
    expect([...folders].sort()).toEqual(Object.keys(RULES).sort());
  });

  it('is of sources alone: nothing downloaded or built lies among them', () => {
    const kinds = /\.(ts|js|css|html|json|yaml)$/;
    const files = readdirSync('src', { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    expect(files.filter(({ name }) => !kinds.test(name)).map(({ name }) => name)).toEqual([]);
  });

  it('names on each line only folders of the lines above', () => {
    const lines = Object.entries(RULES);
    const early = lines.flatMap(([folder, line], i) =>
      line
        .split(' ')
        .filter((used) => used !== '' && !lines.slice(0, i).some(([above]) => above === used))
        .map((used) => `${folder}: ${used}`),
    );
    expect(early).toEqual([]);
  });

  it('names no folder in vain', () => {
    const vain = Object.entries(RULES).flatMap(([folder, line]) => {
      const files = sources.filter((file) => dirname(file) === folder);
      const used = new Set(files.flatMap((file) => importsOf(file).map((target) => dirname(target))));
      return line
        .split(' ')
        .filter((one) => one !== '' && !used.has(one))
        .map((one) => `${folder}: ${one}`);
    });
    expect(vain).toEqual([]);
  });
});

describe('imports', () => {
  it('go where the table lets them', () => {
    const broken: string[] = [];
    for (const file of sources) {
      const folder = dirname(file);
      const isLow = EVERYBODY.includes(folder);
      const allowed = [folder, ...(isLow ? [] : EVERYBODY), ...(RULES[folder] ?? '').split(' ')];
      for (const target of importsOf(file))
        if (!allowed.includes(dirname(target))) broken.push(`${file} imports ${target}`);
    }
    expect(broken).toEqual([]);
  });

  it('never come back to the file they start from', () => {
    const seen = new Set<string>();
    expect(sources.map((file) => circleFrom(file, seen)).filter((circle) => circle !== null)).toEqual([]);
  });

  it('name files that are there', () => {
    const all = new Set(sources);
    const lost = sources.flatMap((file) =>
      importsOf(file)
        .filter((target) => !all.has(target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(lost).toEqual([]);
  });
});

describe('the data plane', () => {
  it('is pure: no world, no process, no console, no timers, and nobody who is not pure', () => {
    const pure = sources.filter(isPure);
    expect(pure.length).toBeGreaterThan(40);
    const broken: string[] = [];
    for (const file of pure) {
      for (const specifier of specifiers(file))
        if (WORLD.test(specifier)) broken.push(`${file} imports ${specifier}`);
      for (const target of importsOf(file)) if (!isPure(target)) broken.push(`${file} imports ${target}`);
      const used = /\b(process\.|console\.|setTimeout\(|setInterval\(|performance\.|Date\.now\()/.exec(
        codeOf(file),
      );
      if (used !== null) broken.push(`${file} uses ${used[1]}`);
    }
    expect(broken).toEqual([]);
  });
});

describe('stdout, stderr and the exit', () => {
  it('belong to the command line', () => {
    const broken = sources.filter((file) => {
      if (file === 'cli.ts' || file.startsWith('commands/')) return false;
      return /\b(process\.(stdout|stderr|exit)\b|console\.)/.test(codeOf(file));
    });
    expect(broken).toEqual([]);
  });
});
