import { BackhaulError } from '../../../faults/fault.ts';

/** What a decoder has thrown: the file is damaged, or holds what is not read. */
export function parquetDamage(found: string): BackhaulError {
  const isCodec = /disabled feature|not yet implemented|not implemented|NYI|unsupported/i.test(found);
  return new BackhaulError({
    kind: isCodec ? 'unsupported' : 'corrupt',
    message: isCodec ? 'the Parquet file holds something that is not read' : 'the Parquet file is damaged',
    found: found.split('\n')[0]!.slice(0, 200),
    hint: isCodec ? 'Write it again by another program, or as CSV.' : 'Download or write the file again.',
  });
}
