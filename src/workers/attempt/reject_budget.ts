import type { Reject } from '../../scan/shape.ts';
import type { Assignment } from '../link/assignment.ts';
import type { RejectSummary } from '../link/task_result.ts';

/** The rejects of one attempt. Bounded by the reject budget: beyond it the attempt fails and nothing is kept. */
export class RejectLedger {
  readonly list: Reject[] = [];

  add(rejects: readonly Reject[]): void {
    for (const reject of rejects) this.list.push(reject);
  }

  /** The first reject of the reason that most have; undefined where there is none. */
  get mostFrequent(): Reject | undefined {
    let most: { readonly count: number; readonly first: Reject } | undefined;
    for (const group of this.#byReason().values()) if (group.count > (most?.count ?? 0)) most = group;
    return most?.first;
  }

  /** Counts by reason, each with its first reject. */
  summary(task: Pick<Assignment, 'uri' | 'entry'>): RejectSummary[] {
    return [...this.#byReason().values()].map(({ count, first }) => ({
      reason: first.reason,
      count,
      example: {
        uri: task.uri,
        entry: task.entry,
        line: first.line,
        byteOffset: first.byteOffset,
        field: first.field,
        record: first.record,
      },
    }));
  }

  #byReason(): ReadonlyMap<string, { readonly count: number; readonly first: Reject }> {
    const byReason = new Map<string, { count: number; first: Reject }>();
    for (const reject of this.list) {
      const seen = byReason.get(reject.reason);
      if (seen === undefined) byReason.set(reject.reason, { count: 1, first: reject });
      else seen.count++;
    }
    return byReason;
  }
}
