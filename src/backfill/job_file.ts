/**
 * A file of jobs: which steps, with which flags. A step's keys are the flags of its command, so that nothing has to be
 * learned twice; what they may hold is for the command to say. Pure: text in, plan out.
 */

import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { nearest } from '../base/nearest.ts';
import { BackhaulError } from '../faults/fault.ts';
import { STEP_POSITIONALS, STEPS, type Step, type StepFlags, type StepName, type Text } from './steps.ts';

export interface JobFile {
  readonly database: Text | null;
  readonly notify: readonly Text[];
  readonly notifyOn: readonly Text[];
  readonly steps: readonly Step[];
}

const TOP = ['database', 'notify', 'notify-on', 'jobs'];

/**
 * Reads a file of jobs.
 * @throws BackhaulError `usage`, each with the line: what is no YAML, a key that is none (with the nearest one), a
 * variable that is not set, a job without steps
 */
export function parseJobFile(
  text: string,
  path: string,
  flags: StepFlags,
  environment: Readonly<Record<string, string | undefined>>,
): JobFile {
  return new JobFileReader(text, path, flags, environment).read();
}

class JobFileReader {
  readonly #path: string;
  readonly #flags: StepFlags;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #lines = new LineCounter();
  readonly #root: unknown;

  constructor(
    text: string,
    path: string,
    flags: StepFlags,
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.#path = path;
    this.#flags = flags;
    this.#environment = environment;
    const document = parseDocument(text, { lineCounter: this.#lines });
    const [error] = document.errors;
    if (error !== undefined) {
      const line = this.#lines.linePos(error.pos[0]).line;
      throw this.#fault(line, `it is no YAML: ${error.message.split('\n', 1)[0]}`);
    }
    this.#root = document.contents;
  }

  read(): JobFile {
    const top = this.#map(this.#root, 'the file', TOP);
    const jobs = top.get('jobs');
    if (jobs === undefined)
      throw this.#fault(1, 'it has no jobs', 'jobs: { kraken: { load: { sources: [./data] } } }');
    const steps: Step[] = [];
    for (const [job, content] of this.#map(jobs, 'jobs', null)) {
      const found = this.#map(content, `job ${job}`, STEPS);
      if (found.size === 0) throw this.#at(content, `job ${job} has no steps`, STEPS.join(', '));
      for (const name of STEPS) {
        const step = found.get(name);
        if (step === undefined) continue;
        const several = isSeq(step) ? (step.items as unknown[]) : [step];
        several.forEach((one, number) => {
          const read = this.#step(job, name, number, one);
          if (read !== null) steps.push(read);
        });
      }
    }
    return {
      database: this.#texts(top.get('database'), 'database').at(0) ?? null,
      notify: this.#texts(top.get('notify'), 'notify'),
      notifyOn: this.#texts(top.get('notify-on'), 'notify-on'),
      steps,
    };
  }

  /** `validate: true` is the command without a flag, `validate: false` is left out. */
  #step(job: string, name: StepName, number: number, node: unknown): Step | null {
    const bare = { job, name, number, words: [], flags: [] };
    const positional = STEP_POSITIONALS[name];
    if (isScalar(node) && typeof node.value === 'boolean') {
      if (!node.value) return null;
      if (positional !== null && name !== 'fill') throw this.#at(node, `${name} needs ${positional}`);
      return bare;
    }
    const known = this.#flags[name];
    const names = [...known.keys(), ...(positional === null ? [] : [positional])];
    const words: Text[] = [];
    const flags: { name: string; texts: readonly Text[] | null }[] = [];
    for (const [key, value] of this.#map(node, `${job}.${name}`, names)) {
      if (key === positional) words.push(...this.#texts(value, `${job}.${name}.${key}`));
      else if (known.get(key) === 'switch') {
        if (!isScalar(value) || typeof value.value !== 'boolean')
          throw this.#at(value, `${job}.${name}.${key} is on or off`, 'true or false');
        if (value.value) flags.push({ name: key, texts: null });
      } else flags.push({ name: key, texts: this.#texts(value, `${job}.${name}.${key}`) });
    }
    if (positional !== null && name !== 'fill' && words.length === 0)
      throw this.#at(node, `${job}.${name} has no ${positional}`);
    return { ...bare, words, flags };
  }

  /** The pairs of a map; `known`: the keys it may have, null for any. */
  #map(node: unknown, what: string, known: readonly string[] | null): Map<string, unknown> {
    if (!isMap(node)) throw this.#at(node, `${what} must be a map`);
    const pairs = new Map<string, unknown>();
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const key = String(pair.key.value);
      if (known !== null && !known.includes(key)) {
        const near = nearest(key, known);
        throw this.#at(
          pair.key,
          `${what} has no key "${key}"`,
          near === null ? known.join(', ') : `did you mean "${near}"?`,
        );
      }
      pairs.set(key, pair.value);
    }
    return pairs;
  }

  #texts(node: unknown, what: string): Text[] {
    if (node === undefined || (isScalar(node) && node.value === null)) return [];
    const items: unknown[] = isSeq(node) ? node.items : [node];
    return items.map((item) => {
      if (!isScalar(item) || typeof item.value === 'object')
        throw this.#at(item, `${what} must be a value or a list of values`);
      const written = typeof item.value === 'string' ? item.value : (item.source ?? String(item.value));
      return { written, meant: this.#expanded(written, item as Node) };
    });
  }

  /** `${NAME}` and `${NAME:-otherwise}`; `$$` is a dollar. */
  #expanded(written: string, node: Node): string {
    return written.replace(
      /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g,
      (_, name: string | undefined, otherwise: string | undefined) => {
        if (name === undefined) return '$';
        const value = this.#environment[name];
        if (value !== undefined && value !== '') return value;
        if (otherwise !== undefined) return otherwise;
        throw this.#at(
          node,
          `the environment variable ${name} is not set`,
          `export ${name}=… or a line in .env`,
        );
      },
    );
  }

  #at(node: unknown, message: string, hint?: string): BackhaulError {
    const range = (node as Node | null)?.range;
    return this.#fault(range == null ? 1 : this.#lines.linePos(range[0]).line, message, hint);
  }

  #fault(line: number, message: string, hint?: string): BackhaulError {
    return new BackhaulError({
      kind: 'usage',
      message: `${this.#path} line ${line}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** What an editor checks a file of jobs by: https://json-schema.org/draft/2020-12. */
export function jobFileSchema(flags: StepFlags): object {
  const scalar = { type: ['string', 'number', 'boolean'] };
  const texts = { anyOf: [scalar, { type: 'array', items: scalar }] };
  const step = (name: StepName): object => {
    const positional = STEP_POSITIONALS[name];
    const one = {
      type: 'object',
      additionalProperties: false,
      ...(positional !== null && name !== 'fill' ? { required: [positional] } : {}),
      properties: {
        ...(positional === null ? {} : { [positional]: texts }),
        ...Object.fromEntries(
          [...flags[name]].map(([flag, kind]) => [flag, kind === 'switch' ? { type: 'boolean' } : texts]),
        ),
      },
    };
    return { anyOf: [{ type: 'boolean' }, one, { type: 'array', items: one }] };
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Jobs of backhaul backfill',
    type: 'object',
    required: ['jobs'],
    additionalProperties: false,
    properties: {
      database: { type: 'string' },
      notify: texts,
      'notify-on': texts,
      jobs: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          additionalProperties: false,
          properties: Object.fromEntries(STEPS.map((name) => [name, step(name)])),
        },
      },
    },
  };
}
