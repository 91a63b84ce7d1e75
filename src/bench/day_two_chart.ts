/** What filling a hole costs against the length of the series around it, as an SVG, by Vega-Lite. */

import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { counted } from '../base/quantities.ts';
import type { DayTwoResult } from './day_two.ts';

const FILL = 'gaps fill';
const APPEND = 'append of the same quarter';
const FLOOR = 'COPY and INSERT … ON CONFLICT';

export function dayTwoSpec({ works, rounds }: DayTwoResult): TopLevelSpec {
  const values = works
    .filter(({ work }) => work.startsWith('a quarter filled'))
    .flatMap(({ standing, seconds, appendSeconds, floorSeconds }) => [
      { curve: FILL, standing, seconds: seconds.median },
      { curve: APPEND, standing, seconds: appendSeconds.median },
      ...(floorSeconds === null ? [] : [{ curve: FLOOR, standing, seconds: floorSeconds.median }]),
    ]);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 560,
    height: 320,
    background: 'white',
    padding: 12,
    title: {
      text: 'What a filled quarter costs, whatever stands around it',
      subtitle: `medians of ${counted(rounds, 'round')}, whole commands`,
      anchor: 'start',
    },
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'standing', type: 'quantitative', title: 'bars that stand', axis: { format: '~s' } },
      y: { field: 'seconds', type: 'quantitative', title: 'seconds' },
      color: {
        field: 'curve',
        type: 'nominal',
        title: null,
        scale: { domain: [FILL, APPEND, FLOOR], range: ['#2b6ca3', '#2f8f4e', '#b4472e'] },
        legend: { orient: 'bottom', labelLimit: 280 },
      },
    },
  } as TopLevelSpec;
}

/** The chart as SVG text. */
export async function dayTwoChart(result: DayTwoResult): Promise<string> {
  const view = new View(parse(compile(dayTwoSpec(result)).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
