import { utf8Text } from './encoding.ts';
import { jsonLines } from './json_records.ts';
import type { RecordShape } from './shape.ts';

/** The text of a file as the scanner reads it: lines of fields in UTF-8, whatever it was written in. */
export function shapeText(
  pieces: AsyncIterable<Uint8Array>,
  { encoding, syntax }: Pick<RecordShape, 'encoding' | 'syntax'>,
): AsyncIterable<Uint8Array> {
  const text = utf8Text(pieces, encoding);
  return syntax === 'json' ? jsonLines(text) : text;
}
