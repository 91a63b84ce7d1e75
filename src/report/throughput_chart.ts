/** Throughput of a run over time as an SVG, by Vega-Lite. */

import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export interface ThroughputPoint {
  readonly atSeconds: number;
  /** Records a second. */
  readonly rate: number;
  readonly workers: number;
}

/** `title` stands on top; workers are drawn as steps on an axis of their own. */
export async function throughputChart(title: string, points: readonly ThroughputPoint[]): Promise<string> {
  const x = { field: 'atSeconds', type: 'quantitative', title: 'seconds' } as const;
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    width: 640,
    height: 240,
    background: 'white',
    data: { values: [...points] },
    layer: [
      {
        mark: { type: 'area', color: '#2b6ca3', opacity: 0.5, line: { color: '#2b6ca3' } },
        encoding: {
          x,
          y: { field: 'rate', type: 'quantitative', title: 'records a second', axis: { format: '~s' } },
        },
      },
      {
        mark: { type: 'line', color: '#b4472e', interpolate: 'step-after' },
        encoding: { x, y: { field: 'workers', type: 'quantitative', title: 'workers' } },
      },
    ],
    resolve: { scale: { y: 'independent' } },
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
