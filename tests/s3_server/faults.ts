/** What the tests' S3 server can be told to do wrong, and to which requests. */

import type { StoredObject } from './stored_object.ts';

export type Operation = 'list' | 'get' | 'head' | 'attributes';

export type FaultAction =
  /** The connection is reset after so many bytes of the body; below 0 before the headers. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The headers promise the whole body, so many bytes come, then the server closes in good order. */
  | { readonly kind: 'short-body'; readonly bytes: number }
  /** The headers promise (and the body holds) so many bytes fewer than asked for. */
  | { readonly kind: 'short-length'; readonly missing: number }
  /** Nothing comes any more after so many bytes; the connection stays open. Below 0: no headers either. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** The answer begins so much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'status'; readonly status: number; readonly code: string; readonly retryAfterS?: number }
  /** One byte of the body is another. */
  | { readonly kind: 'flip'; readonly at: number }
  /** The object is replaced just before it is read. */
  | { readonly kind: 'swap'; readonly to: StoredObject | null }
  /** Range is not understood: 200 and everything. */
  | { readonly kind: 'no-range' }
  /** The page of some other server: 200 and HTML. */
  | { readonly kind: 'not-s3' }
  /** If-Match is not understood. */
  | { readonly kind: 'no-if-match' };

export interface FaultRule {
  /** Null: every operation. */
  readonly on: Operation | null;
  /** Null: every key. */
  readonly key: string | RegExp | null;
  /** So many matching requests pass before the first is hit. */
  readonly skip: number;
  /** So many are hit. */
  readonly times: number;
  readonly action: FaultAction;
}

/** The rules in force, each with how many requests it has seen. */
export class FaultPlan {
  #rules: { rule: FaultRule; seen: number }[] = [];

  add(rule: FaultRule): void {
    this.#rules.push({ rule, seen: 0 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The actions that this request meets; counts it. */
  take(operation: Operation, key: string): FaultAction[] {
    const hit: FaultAction[] = [];
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (rule.on !== null && rule.on !== operation) continue;
      if (rule.key !== null && (typeof rule.key === 'string' ? rule.key !== key : !rule.key.test(key)))
        continue;
      entry.seen += 1;
      if (entry.seen > rule.skip && entry.seen <= rule.skip + rule.times) hit.push(rule.action);
    }
    return hit;
  }
}

/** The action of this kind, if the request meets one. */
export function actionOf<K extends FaultAction['kind']>(
  actions: readonly FaultAction[],
  kind: K,
): Extract<FaultAction, { kind: K }> | undefined {
  return actions.find((a): a is Extract<FaultAction, { kind: K }> => a.kind === kind);
}
