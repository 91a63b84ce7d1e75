import type { BarColumns } from '../src/bars/columns.ts';
import type { openTable } from '../src/producer/archive/table/open_table.ts';
import { carryLast } from '../src/scan/scanner.ts';
import type { TableScanner } from '../src/scan/table/table_scanner.ts';

/** Reads a table to its end, a batch of bars after another into the same columns. */
export async function readTable(
  file: Awaited<ReturnType<typeof openTable>>,
  scanner: TableScanner,
  out: BarColumns,
): Promise<void> {
  for await (const batch of file.batches(scanner.begin(file.fields))) {
    for (let at = 0; at < batch.rows; ) {
      at += scanner.push(batch, at, out);
      if (out.length === out.capacity) carryLast(out, out);
    }
    scanner.passed(batch);
  }
  scanner.finish();
}
