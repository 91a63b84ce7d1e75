/** Settings of the server that make a load slow or cut it off, each with the statement that mends it. */

import type { ClientBase } from 'pg';
import { type Check, checksOf, pgSize } from './check.ts';

const MB = 2 ** 20;
const GB = 2 ** 30;

/** One setting as the server has it. */
export interface ServerSetting {
  /** Bytes, seconds, or the word; what the unit says has been applied. */
  readonly value: number | string;
  /** `postmaster`: only a restart changes it. */
  readonly context: string;
  readonly choices: readonly string[];
}

export type ServerSettings = ReadonlyMap<string, ServerSetting>;

/** Where the server runs, as far as it is known. */
export interface ServerPlace {
  /** Memory of its machine; null where that is another one. */
  readonly memoryBytes: number | null;
  /** Free room where its data are; null where it cannot be known. */
  readonly freeBytes: number | null;
}

const READ = [
  'max_wal_size',
  'checkpoint_timeout',
  'shared_buffers',
  'maintenance_work_mem',
  'wal_compression',
  'wal_level',
  'synchronous_commit',
  'fsync',
  'full_page_writes',
  'autovacuum',
] as const;

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1024, '8kB': 8192, MB, ms: 0.001, s: 1, min: 60 };

export async function readSettings(client: ClientBase): Promise<ServerSettings> {
  const { rows } = await client.query<{
    name: string;
    setting: string;
    unit: string | null;
    context: string;
    enumvals: string[] | null;
  }>('SELECT name, setting, unit, context, enumvals FROM pg_settings WHERE name = ANY ($1)', [READ]);
  return new Map(
    rows.map(({ name, setting, unit, context, enumvals }) => [
      name,
      {
        value: unit === null ? setting : Number(setting) * (UNITS[unit] ?? 1),
        context,
        choices: enumvals ?? [],
      },
    ]),
  );
}

/**
 * Settings that decide how fast a server takes rows. Each that is too small for a bulk load is a warning with the
 * command that mends it; none is a failure, a load works with all of them.
 */
export function checkSettings(settings: ServerSettings, place: ServerPlace): Check[] {
  return RULES.flatMap(({ name, judge }) => {
    const setting = settings.get(name);
    if (setting === undefined) return [];
    const { why, to } = judge(setting, place, settings);
    return [checkOf(name, setting, why, to)];
  });
}

/** `to` null: fine as it is. */
interface Verdict {
  readonly why: string;
  readonly to: string | null;
}

interface Rule {
  readonly name: (typeof READ)[number];
  readonly judge: (setting: ServerSetting, place: ServerPlace, settings: ServerSettings) => Verdict;
}

/** A size, and the least that a bulk load is well served with. */
function size(least: number, recommended: (place: ServerPlace) => number, why: string) {
  return ({ value }: ServerSetting, place: ServerPlace): Verdict => {
    const best = rounded(recommended(place));
    // What the machine has no room for is not asked for.
    const fine = Number(value) >= Math.min(least, best);
    return { why, to: fine ? null : literal(best) };
  };
}

/** Down to whole GB, or MB below one: nobody sets odd figures. */
function rounded(bytes: number): number {
  const unit = bytes >= GB ? GB : MB;
  return Math.floor(bytes / unit) * unit;
}

const clamp = (bytes: number, least: number, most: number): number => Math.min(Math.max(bytes, least), most);

const RULES: readonly Rule[] = [
  {
    name: 'max_wal_size',
    judge: size(
      4 * GB,
      ({ freeBytes }) => (freeBytes === null ? 8 * GB : clamp(freeBytes / 5, GB, 16 * GB)),
      'a checkpoint each time so much is written',
    ),
  },
  {
    name: 'checkpoint_timeout',
    judge: ({ value }) => ({
      why: 'a checkpoint at the latest after this',
      to: Number(value) >= 15 * 60 ? null : "'30min'",
    }),
  },
  {
    name: 'shared_buffers',
    judge: size(
      512 * MB,
      ({ memoryBytes }) => (memoryBytes === null ? GB : clamp(memoryBytes / 4, 128 * MB, 8 * GB)),
      'pages held before they have to be written',
    ),
  },
  {
    name: 'maintenance_work_mem',
    judge: size(
      256 * MB,
      ({ memoryBytes }) => (memoryBytes === null ? GB : clamp(memoryBytes / 16, 64 * MB, 2 * GB)),
      'memory in which keys are sorted',
    ),
  },
  {
    name: 'wal_compression',
    judge: ({ value, choices }, _place, settings) => {
      const minimal = settings.get('wal_level')?.value === 'minimal';
      const why = minimal
        ? 'new keys are not logged at all (wal_level minimal)'
        : 'new keys are logged as whole pages';
      return { why, to: value !== 'off' || minimal ? null : choices.includes('lz4') ? 'lz4' : 'on' };
    },
  },
  {
    name: 'synchronous_commit',
    judge: () => ({
      why: 'no matter, the commit of a file never waits: after a crash it is loaded again',
      to: null,
    }),
  },
  {
    name: 'fsync',
    judge: ({ value }) => ({
      why:
        value === 'on'
          ? 'what was committed outlives a power cut'
          : 'a power cut may destroy the whole database',
      to: value === 'on' ? null : 'on',
    }),
  },
  {
    name: 'full_page_writes',
    judge: ({ value }) => ({
      why: value === 'on' ? 'pages torn by a power cut are mended' : 'pages torn by a power cut stay torn',
      to: value === 'on' ? null : 'on',
    }),
  },
  {
    name: 'autovacuum',
    judge: ({ value }) => ({
      why: value === 'on' ? 'looks after partitions that stand' : 'nothing looks after partitions that stand',
      to: value === 'on' ? null : 'on',
    }),
  },
];

function checkOf(name: string, { value, context }: ServerSetting, why: string, to: string | null): Check {
  const { ok, warning } = checksOf('settings');
  const shown =
    typeof value === 'string' ? value : name.endsWith('timeout') ? `${value / 60} min` : pgSize(value);
  if (to === null) return ok(name, `${shown}: ${why}`);
  const then = context === 'postmaster' ? '   (then restart the server)' : ' SELECT pg_reload_conf();';
  return warning(name, `${shown}: ${why}`, `ALTER SYSTEM SET ${name} = ${to};${then}`);
}

function literal(bytes: number): string {
  return bytes >= GB ? `'${bytes / GB}GB'` : `'${bytes / MB}MB'`;
}
