import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { openSource } from '../../src/producer/open_source.ts';
import { discover } from '../../src/producer/planning/discover.ts';
import {
  type DiscoverCounts,
  type DiscoveredTask,
  type DiscoverOptions,
  type FailedTask,
  noCounts,
  type PlannedTask,
} from '../../src/producer/planning/found_task.ts';
import { sequenced } from '../../src/producer/planning/sequence.ts';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own with these files, gone after the tests of the file. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-test-'));
  made.push(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return folder;
}

export const DEFAULTS: DiscoverOptions = {
  layout: 'auto',
  fromUs: null,
  toUs: null,
  symbols: null,
  intervals: null,
  onInvalid: 'reject',
  onConflict: 'keep',
  maxRejects: 1000,
  maxRejectShare: 0.01,
};

export interface Discovered {
  readonly tasks: readonly DiscoveredTask[];
  readonly planned: readonly PlannedTask[];
  readonly failed: readonly FailedTask[];
  readonly counts: DiscoverCounts;
  readonly notes: readonly string[];
}

/** Plans what the paths hold. */
export async function planned(
  paths: string | readonly string[],
  options: Partial<DiscoverOptions> = {},
): Promise<Discovered> {
  const counts = noCounts();
  const notes: string[] = [];
  const sources = await Promise.all([paths].flat().map((path) => openSource(path, {})));
  const tasks: DiscoveredTask[] = [];
  const onNote = (message: string): void => void notes.push(message);
  for await (const task of discover(sources, { ...DEFAULTS, ...options, counts, onNote })) tasks.push(task);
  return {
    tasks,
    planned: tasks.filter((task): task is PlannedTask => task.plan !== null),
    failed: tasks.filter((task): task is FailedTask => task.plan === null),
    counts,
    notes,
  };
}

export function us(iso: string): number {
  return Date.parse(iso) * 1000;
}

/** The same tasks, dated where an order is needed. */
export async function dated(tasks: readonly DiscoveredTask[]): Promise<PlannedTask[]> {
  async function* all(): AsyncGenerator<DiscoveredTask> {
    yield* tasks;
  }
  const found: PlannedTask[] = [];
  for await (const task of sequenced(all(), {})) if (task.plan !== null) found.push(task);
  return found;
}
