import { describe, expect, it } from 'vitest';
import { jobFileSchema, parseJobFile } from '../../src/backfill/job_file.ts';
import { type StepFlags, stepArguments, stepId } from '../../src/backfill/steps.ts';

const FLAGS = Object.fromEntries(
  ['events', 'load', 'rollup', 'scan', 'fill', 'validate', 'report', 'export'].map((name) => [
    name,
    new Map([
      ['symbols', 'list'],
      ['from', 'value'],
      ['incremental', 'switch'],
      ['api', 'value'],
    ]),
  ]),
) as unknown as StepFlags;

const read = (text: string, environment: Record<string, string> = {}) =>
  parseJobFile(text, 'jobs.yaml', FLAGS, environment);
const faultOf = (text: string): string => {
  try {
    read(text);
    return 'none';
  } catch (error) {
    const { message, hint = '' } = (error as { fault: { message: string; hint?: string } }).fault;
    return `${message} | ${hint}`;
  }
};

describe('a file of jobs', () => {
  it('is steps in their order, each the command a user would type', () => {
    const { steps, database, notify } = read(
      `
database: \${DB}
notify: ['\${HOOK}', 'command:logger']
jobs:
  kraken:
    validate: true
    report: false
    load: { sources: [./a, "./\${WHERE:-b c}"], symbols: [XBTUSD, ETHUSD], from: 2024, incremental: true }
    fill:
      - { sources: ./quarter.zip }
      - { api: kraken }
`,
      { DB: 'postgres://u:secret@h/d', HOOK: 'https://hook/secret' },
    );
    expect(database).toEqual({ written: `\${DB}`, meant: 'postgres://u:secret@h/d' });
    expect(notify.map(({ written }) => written)).toEqual([`\${HOOK}`, 'command:logger']);
    expect(steps.map((step) => [stepId(step), stepArguments(step, 'meant').join(' ')])).toEqual([
      ['kraken/load', 'load ./a ./b c --symbols XBTUSD --symbols ETHUSD --from 2024 --incremental'],
      ['kraken/fill', 'gaps fill ./quarter.zip'],
      ['kraken/fill.2', 'gaps fill --api kraken'],
      ['kraken/validate', 'validate'],
    ]);
    expect(stepArguments(steps[0]!, 'written')).toContain(`./\${WHERE:-b c}`);
  });

  it('keeps the digits of a number as they were written', () => {
    const [step] = read('jobs: { a: { load: { sources: x, from: 2024-03, symbols: [007] } } }').steps;
    expect(stepArguments(step!, 'meant')).toEqual(['load', 'x', '--from', '2024-03', '--symbols', '007']);
  });

  it.each([
    [
      'jobs:\n  a:\n    laod: { sources: x }',
      'jobs.yaml line 3: job a has no key "laod" | did you mean "load"?',
    ],
    [
      'jobs:\n  a:\n    load:\n      sources: x\n      symbol: y',
      'jobs.yaml line 5: a.load has no key "symbol" | did you mean "symbols"?',
    ],
    ['jbos: {}', 'jobs.yaml line 1: the file has no key "jbos" | did you mean "jobs"?'],
    ['jobs:\n  a:\n    load: { from: 2024 }', 'jobs.yaml line 3: a.load has no sources | '],
    [
      `jobs:\n  a:\n    load: { sources: "\${NOT_SET}" }`,
      'jobs.yaml line 3: the environment variable NOT_SET is not set | export NOT_SET=… or a line in .env',
    ],
    [
      'jobs:\n  a: {}',
      'jobs.yaml line 2: job a has no steps | events, load, rollup, scan, fill, validate, report, export',
    ],
    [
      'jobs:\n  a:\n    load: { sources: x, incremental: maybe }',
      'jobs.yaml line 3: a.load.incremental is on or off | true or false',
    ],
    ['{}', 'jobs.yaml line 1: it has no jobs | jobs: { kraken: { load: { sources: [./data] } } }'],
    ['jobs: [', 'jobs.yaml line 1: it is no YAML'],
  ])('says in one line what is wrong with %j', (text, expected) => {
    expect(faultOf(text)).toContain(expected);
  });

  it('has a schema that names every step and flag', () => {
    const schema = JSON.stringify(jobFileSchema(FLAGS));
    for (const word of ['rollup', 'incremental', 'notify-on', 'sources'])
      expect(schema).toContain(`"${word}"`);
  });
});
