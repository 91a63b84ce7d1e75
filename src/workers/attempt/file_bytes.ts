/** The bytes of a task's file, from its object through its archive into the scanner. */

import { type OpenBytesOptions, openBytes } from '../../producer/archive/entry_stream.ts';
import { openArchive, openObject } from '../../producer/open_source.ts';
import type { ObjectReader } from '../../producer/sources/source.ts';
import { shapeText } from '../../scan/shape_text.ts';
import type { FileFacts } from '../../scan/stamp_reader.ts';
import { TableScanner } from '../../scan/table/table_scanner.ts';
import type { Assignment } from '../link/assignment.ts';
import type { AttemptParts } from './attempt_parts.ts';
import type { BatchConsumer } from './batches.ts';
import { BatchQueue, scanInto, scanTable } from './batches.ts';
import { FileScan } from './file_scan.ts';
import { RestartBy, SurveyFirst } from './load_path.ts';

/**
 * Scans the whole file; `take` is given its rows a batch at a time and `queued` hears of each before.
 * @throws {@link RestartBy} when the records are not in the order the layout promised, {@link SurveyFirst} when the
 * whole file must be known first
 */
export async function scanFile(
  parts: AttemptParts,
  file: FileScan,
  take: BatchConsumer,
  queued?: (rows: number) => void,
): Promise<void> {
  const seen: BatchConsumer = (cols, rows) => {
    file.see(cols, rows);
    return take(cols, rows);
  };
  const queue = new BatchQueue(parts.memory.columns, seen, queued);
  const reader = await openReader(parts.task);
  try {
    await scanStored(reader, parts.task.plan, file, queue, {
      ...optionsOf(parts),
      signal: parts.link.signal,
      onBytes: (bytes) => parts.progress.sawBytes(bytes, file),
    });
    if (file.scanner.unordered) throw new RestartBy({ order: 'sort' });
    if (file.scanner.need !== null) throw new SurveyFirst(file.scanner.need);
  } catch (error) {
    await queue.stop(error);
    throw error;
  } finally {
    await reader.close();
  }
}

/** A value of a column, in bytes of what is scanned. */
const VALUE_BYTES = 8;

export interface ScanStoredOptions extends OpenBytesOptions {
  readonly signal: AbortSignal;
  /** Called with the size of each piece, unpacked, before it is scanned; may throw. */
  readonly onBytes: (bytes: number) => void;
}

/** Scans a file into batches, however it is stored: text, or columns. */
export async function scanStored(
  reader: ObjectReader,
  { storage, shape }: Assignment['plan'],
  { scanner }: FileScan,
  queue: BatchQueue,
  options: ScanStoredOptions,
): Promise<void> {
  const { signal, onBytes } = options;
  if (scanner instanceof TableScanner) {
    const { openTable } = await import('../../producer/archive/table/open_table.ts');
    const table = await openTable(reader, storage, signal, options);
    const places = scanner.begin(table.fields);
    await scanTable(table.batches(places), scanner, queue, ({ rows, columns }) =>
      onBytes(VALUE_BYTES * rows * columns.length),
    );
    return;
  }
  const text = shapeText(openBytes(reader, storage, signal, options), shape);
  await scanInto(text, scanner, queue, onBytes);
}

/** Reads the stamps of the whole file for what `need` names; `facts` is what was known before. */
export async function surveyFile(
  parts: AttemptParts,
  need: SurveyFirst['need'],
  facts: FileFacts,
): Promise<FileFacts> {
  parts.progress.restart();
  const file = new FileScan(parts.task, 'any', { facts, survey: need });
  await scanFile(parts, file, async () => {});
  return file.scanner.facts;
}

/** What of an assignment its bytes are found by. */
export type FilePlace = Pick<Assignment, 'uri' | 'sizeBytes' | 'etag' | 'plan'> & {
  readonly settings: Pick<Assignment['settings'], 'source'>;
};

export function openReader({ uri, sizeBytes, etag, settings, plan }: FilePlace): Promise<ObjectReader> {
  const { storage } = plan;
  return storage.kind === 'zip' || storage.kind === 'tar'
    ? openArchive(uri, storage.objectBytes, storage.objectEtag, settings.source)
    : openObject(uri, sizeBytes, etag, settings.source);
}

function optionsOf({ task, progress }: AttemptParts): OpenBytesOptions {
  return {
    entry: task.entry,
    sha256: task.plan.sha256,
    limits: task.settings.inflate,
    onWait: (ms) => {
      progress.waits.source += ms / 1000;
    },
  };
}
