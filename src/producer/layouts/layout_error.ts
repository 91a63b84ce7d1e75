/** What is wrong with a layout file, in the words of its author: the key, what is there, what was meant. */

import type { z } from 'zod';
import { nearest } from '../../base/nearest.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { DID_YOU_MEAN } from './key_meant.ts';

/** One thing that is wrong. */
export interface Slip {
  /** The keys that lead to it. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Slips told in one message: more are mostly consequences of these. */
const MOST_TOLD = 3;

/** `usage`: the layout `source` cannot be meant so. */
export function layoutError(source: string, slips: readonly Slip[]): BackhaulError {
  const said = slips
    .slice(0, MOST_TOLD)
    .map(({ path, message }) => `${path.length === 0 ? '' : `${keyText(path)}: `}${message}`);
  return new BackhaulError({
    kind: 'usage',
    message: `the layout ${source} is not valid: ${said.join('; ')}`,
  });
}

/** `columns[2].names`. */
function keyText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

type Issue = z.core.$ZodIssue;

/** The slips behind what zod says of `value`. */
export function slipsOf(issues: readonly Issue[], value: unknown): Slip[] {
  // A misspelt key is why another is missing.
  const first = issues.filter(({ code }) => code === 'unrecognized_keys');
  return [...first, ...issues.filter((issue) => !first.includes(issue))].flatMap((issue) =>
    slipsOfIssue(issue, value),
  );
}

function slipsOfIssue(issue: Issue, root: unknown): Slip[] {
  const { path } = issue;
  const value = valueAt(root, path);
  switch (issue.code) {
    case 'invalid_union':
      return slipsOfUnion(issue.errors, path, value);
    case 'invalid_value': {
      const words = issue.values.map(String);
      const near = typeof value === 'string' ? wordMeant(value, words) : null;
      const meant = near === null ? '' : `; did you mean ${near}?`;
      return [{ path, message: `${shown(value)} is none of ${words.join(', ')}${meant}` }];
    }
    case 'invalid_type':
      return value === undefined
        ? [{ path, message: 'is missing' }]
        : [{ path, message: `${shown(value)} is no ${issue.expected}` }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** What other programs call what is called otherwise here. */
const SYNONYMS: readonly (readonly [RegExp, string])[] = [
  [/^(sec|secs|seconds?|unix|epoch)$/i, 's'],
  [/^(millis|milliseconds?|msec)$/i, 'ms'],
  [/^(micros|microseconds?|µs)$/i, 'us'],
  [/^(nanos|nanoseconds?)$/i, 'ns'],
  [/^(iso|iso8601|date|datetime|string|timestamp)$/i, 'text'],
  [/^(end|right)$/i, 'close'],
  [/^(start|begin|left)$/i, 'open'],
  [/^(float|double|real|number)$/i, 'float8'],
  [/^(int|integer|bigint|long)$/i, 'int8'],
  [/^(string|varchar)$/i, 'text'],
  [/^(yes|true)$/i, 'required'],
  [/^(no|false)$/i, 'none'],
];

function wordMeant(word: string, words: readonly string[]): string | null {
  const other = SYNONYMS.find(([pattern, meant]) => pattern.test(word) && words.includes(meant));
  return other?.[1] ?? nearest(word, words);
}

/** Of the ways a value may be written, the author meant the one it fails last. */
function slipsOfUnion(
  ways: readonly (readonly Issue[])[],
  path: readonly PropertyKey[],
  value: unknown,
): Slip[] {
  const isOther = (first: Issue): boolean =>
    first.path.length === 0 &&
    (first.code === 'invalid_type' || (first.code === 'invalid_value' && typeof value === 'object'));
  const kin = ways.filter(([first]) => first !== undefined && !isOther(first));
  if (kin.length === 0) {
    const expected = ways.map(([first]) => (first as { expected?: string } | undefined)?.expected);
    const message =
      value === undefined
        ? 'is missing'
        : `${shown(value)} is no ${[...new Set(expected.filter((one) => one !== undefined))].join(' and no ')}`;
    return [{ path, message }];
  }
  const best = kin.reduce((one, other) => (weight(other) < weight(one) ? other : one));
  return slipsOf(best, value).map((slip) => ({ path: [...path, ...slip.path], message: slip.message }));
}

/** How far a value is from a way to write it: keys that do not exist count most, unless one of it was meant. */
function weight(issues: readonly Issue[]): number {
  return issues.reduce((sum, { code, message }) => {
    const isOther = code === 'unrecognized_keys' && !message.includes(DID_YOU_MEAN);
    return sum + (isOther ? 3 : 1);
  }, 0);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    root,
  );
}

/** A value as its author may know it again. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
