/** The bytes of a task's file, from its object through its archive into the scanner. */

import { openBytes } from '../../producer/archive/entry_stream.ts';
import { openArchive, openObject } from '../../producer/open_source.ts';
import type { ObjectReader } from '../../producer/sources/source.ts';
import { utf8Text } from '../../scan/encoding.ts';
import type { FileFacts } from '../../scan/stamp_reader.ts';
import type { Assignment } from '../link/assignment.ts';
import type { BatchConsumer } from './batches.ts';
import { BatchQueue, scanInto } from './batches.ts';
import { FileScan } from './file_scan.ts';
import { RestartBy, SurveyFirst } from './load_path.ts';
import type { AttemptParts } from './parts.ts';

/**
 * Scans the whole file; `take` is given its rows a batch at a time and `queued` hears of each before. Throws
 * {@link RestartBy} when the records are not in the order the layout promised, {@link SurveyFirst} when the whole file
 * must be known first.
 */
export async function scanFile(
  parts: AttemptParts,
  file: FileScan,
  take: BatchConsumer,
  queued?: (rows: number) => void,
): Promise<void> {
  const queue = new BatchQueue(parts.memory.columns, take, queued);
  const reader = await openReader(parts.task);
  try {
    const text = utf8Text(bytesOf(parts, reader), parts.task.plan.shape.encoding);
    await scanInto(text, file.scanner, queue, (bytes) => parts.progress.sawBytes(bytes, file));
    if (file.scanner.unordered) throw new RestartBy({ order: 'sort' });
    if (file.scanner.need !== null) throw new SurveyFirst(file.scanner.need);
  } catch (error) {
    await queue.stop(error);
    throw error;
  } finally {
    await reader.close();
  }
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
  return storage.kind === 'zip'
    ? openArchive(uri, storage.objectBytes, storage.objectEtag, settings.source)
    : openObject(uri, sizeBytes, etag, settings.source);
}

function bytesOf({ task, link, progress }: AttemptParts, reader: ObjectReader): AsyncIterable<Uint8Array> {
  const { plan } = task;
  return openBytes(reader, plan.storage, link.signal, {
    entry: task.entry,
    sha256: plan.sha256,
    limits: task.settings.inflate,
    onWait: (ms) => {
      progress.waits.source += ms / 1000;
    },
  });
}
