import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Who may import whom. A layer is a folder of `src` or a file in it; the longest prefix that fits decides.
 * `type` imports count too, but for those of plain data (`import type`), which bind nothing at run time.
 */
const PURE: readonly string[] = [
  'src/bars',
  'src/scan',
  'src/indicators',
  'src/copy/wire.ts',
  'src/copy/bar_encoder.ts',
  'src/copy/row_encoder.ts',
  'src/copy/bar_decoder.ts',
  'src/copy/leaf.ts',
  'src/faults/fault.ts',
  'src/base/ranges.ts',
  'src/base/zone.ts',
  'src/calendar',
];

/** Layer → layers it may import besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'src/faults/fault.ts': [],
  'src/base': ['src/faults'],
  'src/bars': [],
  'src/scan': ['src/bars', 'src/base/zone.ts', 'src/faults/fault.ts'],
  'src/indicators': ['src/bars', 'src/base/zone.ts', 'src/faults/fault.ts'],
  'src/copy/leaf.ts': [],
  'src/copy/wire.ts': ['src/bars'],
  'src/copy/bar_encoder.ts': ['src/bars', 'src/copy/wire.ts'],
  'src/copy/row_encoder.ts': ['src/copy/wire.ts', 'src/faults/fault.ts'],
  'src/copy/bar_decoder.ts': ['src/bars', 'src/copy/wire.ts', 'src/faults/fault.ts'],
  'src/state': ['src/database', 'src/faults', 'src/base', 'src/bars', 'src/producer', 'src/copy'],
  'src/database': ['src/faults/fault.ts'],
  'src/copy': ['src/bars', 'src/indicators', 'src/faults/fault.ts', 'src/base/kill_points.ts'],
  'src/merge': [
    'src/bars',
    'src/indicators',
    'src/copy',
    'src/state',
    'src/database',
    'src/faults/fault.ts',
    'src/base/kill_points.ts',
  ],
  'src/producer': ['src/faults', 'src/state', 'src/scan', 'src/bars', 'src/base', 'src/calendar'],
  'src/calendar': ['src/scan', 'src/base'],
  'src/series': [
    'src/calendar',
    'src/copy',
    'src/merge',
    'src/database',
    'src/faults',
    'src/base',
    'src/producer',
    'src/state',
    'src/gaps',
    'src/bars',
    'src/indicators',
    'src/scan',
  ],
  'src/gaps': [
    'src/calendar',
    'src/copy',
    'src/merge',
    'src/database',
    'src/faults',
    'src/base',
    'src/producer',
    'src/series',
    'src/state',
    'src/ui',
    'src/bars',
    'src/indicators',
    'src/scan',
  ],
  'src/report': ['src/state', 'src/database/stamps.ts', 'src/gaps', 'src/series', 'src/base', 'src/ui'],
  'src/validate': [
    'src/state',
    'src/gaps',
    'src/series',
    'src/calendar',
    'src/database',
    'src/base',
    'src/ui',
  ],
};

/** What looks at loaded bars. What loads them knows nothing of it, not even its types. */
const ABOVE = ['src/gaps', 'src/series', 'src/report', 'src/validate', 'src/commands', 'src/cli.ts'];
const BELOW = [
  'src/copy',
  'src/merge',
  'src/database',
  'src/producer',
  'src/state',
  'src/load',
  'src/workers',
];

/** Packages and built-ins that touch the world, by which a pure module would stop being pure. */
const WORLD =
  /^(node:(fs|net|http|https|dns|tls|child_process|worker_threads|process|os|timers|stream|zlib).*|pg.*|@aws-sdk.*|@smithy.*|piscina|yauzl|yargs)$/;

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative('.', join(entry.parentPath, entry.name)));
}

/** `[specifier, typeOnly]` of every import and re-export. */
function imports(file: string): { specifier: string; typeOnly: boolean }[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?from\s+)?'([^']+)'/gm);
  return [...found].map(([, type, specifier]) => ({ specifier: specifier!, typeOnly: type !== undefined }));
}

function layerOf(file: string): string | undefined {
  return Object.keys(ALLOWED)
    .filter((layer) => file === layer || file.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const sources = files('src');

describe('layers', () => {
  it('import only what lies below them', () => {
    const broken: string[] = [];
    for (const file of sources) {
      const layer = layerOf(file);
      if (layer === undefined) continue;
      for (const { specifier, typeOnly } of imports(file)) {
        if (!specifier.startsWith('.') || typeOnly) continue;
        const target = relative('.', resolve(file, '..', specifier));
        const below = [layer, ...ALLOWED[layer]!];
        if (!below.some((one) => target === one || target.startsWith(`${one}/`)))
          broken.push(`${file} imports ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('that load know nothing of those that look at what was loaded', () => {
    const broken: string[] = [];
    const lies = (file: string, layers: readonly string[]): boolean =>
      layers.some((layer) => file === layer || file.startsWith(`${layer}/`));
    for (const file of sources.filter((one) => lies(one, BELOW))) {
      for (const { specifier } of imports(file)) {
        const target = relative('.', resolve(file, '..', specifier));
        if (specifier.startsWith('.') && lies(target, ABOVE)) broken.push(`${file} imports ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('keep the data plane pure: no world, no process, no console, no timers', () => {
    const broken: string[] = [];
    const pure = sources.filter((file) => PURE.some((one) => file === one || file.startsWith(`${one}/`)));
    expect(pure.length).toBeGreaterThan(10);
    for (const file of pure) {
      for (const { specifier } of imports(file))
        if (WORLD.test(specifier)) broken.push(`${file} imports ${specifier}`);
      const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      const used = /\b(process\.|console\.|setTimeout\(|setInterval\(|performance\.|Date\.now\()/.exec(code);
      if (used !== null) broken.push(`${file} uses ${used[1]}`);
    }
    expect(broken).toEqual([]);
  });

  it('leave stdout, stderr and exit to the command line', () => {
    const broken = sources.filter((file) => {
      if (file === 'src/cli.ts' || file.startsWith('src/commands/')) return false;
      const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      return /\b(process\.(stdout|stderr|exit)\b|console\.)/.test(code);
    });
    expect(broken).toEqual([]);
  });
});
