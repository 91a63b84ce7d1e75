/** Table `reject`: records set aside, each with its reason. */

import type { ClientBase } from 'pg';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { storable } from '../../faults/safe_text.ts';
import type { Reject } from '../../scan/shape.ts';
import { isOnNode, sayToCoordinator } from '../schema/node_statements.ts';

/** Rejects that a session on a node says in one statement. */
const MOST_AT_ONCE = 1_000;

/** Writes the rejects of a task, in its transaction. */
export async function writeRejects(
  client: ClientBase,
  taskId: number,
  rejects: readonly Reject[],
): Promise<void> {
  if (rejects.length === 0) return;
  if (isOnNode(client)) return tellRejects(client, taskId, rejects);
  const rows = new RowEncoder(6);
  for (const reject of rejects) {
    rows.row();
    rows.int8(taskId);
    rows.int8(reject.line);
    rows.int8(reject.byteOffset);
    rows.text(reject.reason);
    rows.text(reject.field);
    rows.text(reject.record);
  }
  const columns = ['task_id', 'line', 'byte_offset', 'reason', 'field', 'record'];
  await copyRows(client, 'backhaul.reject', columns, rows.bytes());
}

async function tellRejects(client: ClientBase, taskId: number, rejects: readonly Reject[]): Promise<void> {
  for (let from = 0; from < rejects.length; from += MOST_AT_ONCE) {
    const some = rejects.slice(from, from + MOST_AT_ONCE);
    await sayToCoordinator(
      client,
      `INSERT INTO backhaul.reject (task_id, line, byte_offset, reason, field, record)
       SELECT $1, u.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) AS u`,
      [
        taskId,
        some.map(({ line }) => line),
        some.map(({ byteOffset }) => byteOffset),
        some.map(({ reason }) => reason),
        some.map(({ field }) => storable(field)),
        some.map(({ record }) => storable(record)),
      ],
    );
  }
}
