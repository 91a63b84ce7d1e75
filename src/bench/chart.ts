/** The scaling curve as an SVG, by Vega-Lite. */

import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { counted } from '../base/quantities.ts';
import type { BenchResult, Series } from './result.ts';

const WIDTH = 560;
const HEIGHT = 320;

const LOAD = 'end to end';
const PIPELINE = 'without a database';
const FLOOR = 'floor: the same rows ready-made';
const SHORT_FLOOR = 'floor by short COPYs';
const AUTO = 'auto';

interface Point {
  readonly curve: string;
  readonly workers: number;
  readonly rate: number;
  readonly least: number;
  readonly most: number;
}

function point(curve: string, one: Series, workers: number): Point {
  const { median, least, most } = one.recordsPerSecond;
  return { curve, workers, rate: median, least, most };
}

function pointsOf(curve: string, series: readonly Series[]): Point[] {
  return series.flatMap((one) => (one.workers === 'auto' ? [] : [point(curve, one, one.workers)]));
}

/** Records a second against workers: the load, the pipeline alone, the floors as lines, `auto` where it ended up. */
function chartSpec(result: BenchResult): TopLevelSpec {
  const { shared, pipeline, machine, data } = result;
  const curves = [...pointsOf(PIPELINE, pipeline), ...pointsOf(LOAD, shared?.loads ?? [])];
  const auto = (shared?.loads ?? []).filter(({ workers }) => workers === 'auto');
  const autos = auto.map((one) => point(AUTO, one, one.peakWorkers ?? 1));
  const most = Math.max(1, ...[...curves, ...autos].map(({ workers }) => workers));
  const across = (curve: string, one: Series): Point[] =>
    [1, Math.max(most, 2)].map((workers) => point(curve, one, workers));
  const floors =
    shared === null ? [] : [...across(FLOOR, shared.floor), ...across(SHORT_FLOOR, shared.shortFloor)];
  const names = [PIPELINE, FLOOR, SHORT_FLOOR, LOAD, AUTO];
  const colour = {
    field: 'curve',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: ['#7a7a7a', '#b4472e', '#d99a3d', '#2b6ca3', '#2f8f4e'] },
    legend: { orient: 'bottom', columns: 2, labelLimit: WIDTH / 2 },
  } as const;
  const ticks = [...new Set(curves.map(({ workers }) => workers))];
  const x = {
    field: 'workers',
    type: 'quantitative',
    title: 'workers',
    scale: { zero: false, nice: false, padding: 24, ...(most > 8 ? { type: 'log', base: 2 } : {}) },
    axis: { values: ticks, format: 'd', grid: false },
  } as const;
  const y = {
    field: 'rate',
    type: 'quantitative',
    title: 'records a second',
    axis: { format: '~s' },
  } as const;
  const encoding = { x, y, color: colour };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: WIDTH,
    height: HEIGHT,
    background: 'white',
    padding: 12,
    title: {
      text: 'How a load scales with its workers',
      subtitle: [
        `${machine.cpu}, ${machine.cores} cores; ${(data.records / 1e6).toFixed(1)} million records`,
        `medians of ${counted(result.rounds, 'round')}, bars from the slowest to the fastest`,
      ],
      anchor: 'start',
    },
    layer: [
      { data: { values: floors }, mark: { type: 'line', strokeDash: [6, 4] }, encoding },
      { data: { values: curves }, mark: { type: 'line', point: true }, encoding },
      {
        data: { values: [...curves, ...autos] },
        mark: { type: 'rule', opacity: 0.6 },
        encoding: { x, color: colour, y: { ...y, field: 'least' }, y2: { field: 'most' } },
      },
      {
        data: { values: autos },
        mark: { type: 'point', shape: 'diamond', size: 140, filled: true },
        encoding,
      },
    ],
  } as TopLevelSpec;
}

/** The chart as SVG text. */
export async function benchChart(result: BenchResult): Promise<string> {
  const view = new View(parse(compile(chartSpec(result)).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
