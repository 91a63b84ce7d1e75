/** A benchmark as a person reads it. */

import { bytes, count, counted, duration, short } from '../base/quantities.ts';
import type { BenchEvent, BenchResult, Comparison, Distributed, Series } from '../bench/result.ts';
import { spread } from '../bench/statistics.ts';
import { PLAIN, type Style } from './style.ts';
import { type Column, tableLines } from './table.ts';

/** Less of the cores than this is what any system needs for itself. */
const SHARED = 0.05;

const WORDS = {
  load: 'load',
  floor: 'floor',
  short_floor: 'floor by short COPYs',
  pipeline: 'pipeline',
  distributed_load: 'load over the nodes',
} as const;

/** What is worth saying of an event while others are still to come; null: nothing. */
export function eventNote(event: BenchEvent): string | null {
  switch (event.type) {
    case 'data':
      return `${count(event.records)} records in ${counted(event.days, 'day file')}, ${bytes(event.bytes)} gzipped, ${bytes(event.inflatedBytes)} inflated`;
    case 'check':
      return `checked: ${count(event.records)} records of ${event.series} series equal to the bit, ${count(event.values)} indicator values within ${event.worst.toExponential(1)}`;
    case 'run': {
      const { what, workers, pinned, round, seconds, records } = event;
      const who =
        what === 'floor' || what === 'short_floor'
          ? counted(workers as number, 'connection')
          : workersText(workers);
      return `round ${round}: ${WORDS[what]}${pinned ? ', pinned' : ''}, ${who}: ${duration(seconds)}, ${short(records / seconds)} records/s`;
    }
    default:
      return null;
  }
}

function workersText(workers: Series['workers']): string {
  return workers === 'auto' ? 'auto' : counted(workers, 'worker');
}

const COLUMNS: readonly Column[] = [
  { title: 'what' },
  { title: 'seconds', align: 'right' },
  { title: 'spread', align: 'right' },
  { title: 'records/s', align: 'right' },
  { title: 'x floor', align: 'right' },
  { title: 'x short', align: 'right' },
  { title: 'CPU µs/record', align: 'right' },
  { title: 'server µs', align: 'right' },
  { title: 'cores busy', align: 'right' },
  { title: 'peak RSS', align: 'right' },
];

function row(name: string, one: Series): string[] {
  return [
    name,
    one.seconds.median.toFixed(2),
    percent(spread(one.seconds)),
    short(one.recordsPerSecond.median),
    one.overFloor === null ? '' : one.overFloor.median.toFixed(2),
    one.overShortFloor === null ? '' : one.overShortFloor.median.toFixed(2),
    one.cpuUsPerRecord.toFixed(2),
    one.serverCpuUsPerRecord === null ? '' : one.serverCpuUsPerRecord.toFixed(2),
    percent(one.busy),
    one.peakRssBytes === null ? '' : bytes(one.peakRssBytes),
  ];
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

function comparisonRows({ floor, shortFloor, loads }: Comparison, where: string): string[][] {
  return [
    row(`floor${where}, ${counted(floor.workers as number, 'connection')}`, floor),
    row(`floor${where} by short COPYs`, shortFloor),
    ...loads.map((one) => row(`load${where}, ${workersText(one.workers)}`, one)),
  ];
}

/** What a load over the nodes takes against those into a plain database of the coordinator. */
function distributionLine({ nodes, loads }: Distributed, plain: readonly Series[]): string {
  const each = loads.map(({ workers, overPlain, serverCpuUsPerRecord }) => {
    const beside = plain.find((one) => one.workers === workers)?.serverCpuUsPerRecord ?? null;
    const cpu =
      serverCpuUsPerRecord === null || beside === null
        ? ''
        : ` and ${(serverCpuUsPerRecord / beside).toFixed(2)} times the servers' CPU`;
    return `${overPlain!.median.toFixed(2)} times the time${cpu} with ${workersText(workers)}`;
  });
  return `Distribution over ${counted(nodes, 'node')}, against a plain database of the coordinator: ${each.join('; ')}`;
}

/** A column nobody has anything for is left out. */
function withoutEmpty(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): [readonly Column[], string[][]] {
  const used = columns.map((_, j) => rows.some((cells) => cells[j] !== ''));
  return [columns.filter((_, j) => used[j]), rows.map((cells) => cells.filter((_, j) => used[j]))];
}

/** The result as lines. `width` is the terminal's. */
export function benchLines(result: BenchResult, width: number, style: Style = PLAIN): string[] {
  const { machine, data, shared, pinned, pipeline, stages, smallTasks, distributed } = result;
  const { server } = machine;
  const rows = [
    ...(shared === null ? [] : comparisonRows(shared, '')),
    ...(pinned === null ? [] : comparisonRows(pinned, ' pinned')),
    ...(distributed?.loads ?? []).map((one) =>
      row(`load over ${counted(distributed!.nodes, 'node')}, ${workersText(one.workers)}`, one),
    ),
    ...pipeline.map((one) => row(`no database, ${workersText(one.workers)}`, one)),
  ];
  const stageText = Object.entries(stages).map(([name, figure]) => `${name} ${Math.round(figure.median)}`);
  return [
    `${machine.cpu}, ${counted(machine.cores, 'core')}, ${bytes(machine.memoryBytes)}, ${machine.system}`,
    `backhaul ${machine.backhaul}${machine.commit === null ? '' : ` (${machine.commit})`}, Node ${machine.node}` +
      (server === null ? '' : `, PostgreSQL ${server.version}${server.embedded ? ', embedded' : ''}`),
    `${count(data.records)} records in ${counted(data.days, 'day file')} of ${counted(data.tickers, 'ticker')}, medians of ${counted(result.rounds, 'round')}`,
    '',
    ...tableLines(...withoutEmpty(COLUMNS, rows), width, style),
    '',
    `Stages apart, ns a record on one core: ${stageText.join(', ')}`,
    `Without a database: ${short(result.recordsPerCore)} records a second and core` +
      (result.twoAgainstOne === null ? '' : `, two workers ${result.twoAgainstOne.toFixed(2)} times one`),
    ...(smallTasks === null
      ? []
      : [
          `${counted(smallTasks.tasks, 'small task')}: ${smallTasks.msPerTask.median.toFixed(2)} ms each over the cost of its rows`,
        ]),
    ...(distributed === null ? [] : [distributionLine(distributed, shared?.loads ?? [])]),
    ...((result.others ?? 0) < SHARED
      ? []
      : [
          style.yellow(
            `Other programs had up to ${percent(result.others!)} of the cores: run it again on an idle machine.`,
          ),
        ]),
    '',
    style.bold(result.bottleneck),
  ];
}
