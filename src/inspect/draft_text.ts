/** A drafted layout as a file: a key a line, and above it what it was seen by. */

import { createRequire } from 'node:module';

export interface DraftLine {
  readonly key: string;
  readonly value: unknown;
  readonly why: string;
}

/** Columns of a comment. */
const WIDTH = 100;

export function yamlText(path: string, lines: readonly DraftLine[]): string {
  const { Document, visit } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const base = path.slice(path.lastIndexOf('/') + 1);
  const out = [
    ...comment(`Drafted by backhaul inspect from ${base}. Above each key stands what it was seen by.`),
  ];
  for (const { key, value, why } of lines) {
    const document = new Document({ [key]: value });
    visit(document, {
      Collection(depth, node) {
        if (depth !== null) node.flow = true;
      },
    });
    out.push(
      '',
      ...comment(why),
      document.toString({ lineWidth: 0, singleQuote: true, flowCollectionPadding: true }).trimEnd(),
    );
  }
  return `${out.join('\n')}\n`;
}

/** A comment in lines; control characters of a file do not get into it. */
function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.replace(/\p{Cc}/gu, ' ').split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 3 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}
