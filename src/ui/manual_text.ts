/** The manual as a man page: roff with the macros of man(7), ASCII alone, for groff and mandoc alike. */

/** A thing and what is said of it. */
export interface ManualItem {
  readonly name: string;
  readonly says: string;
}

/** One command. */
export interface ManualCommand {
  readonly synopsis: string;
  readonly describe: string;
  readonly groups: readonly { readonly name: string; readonly items: readonly ManualItem[] }[];
  readonly examples: readonly ManualItem[];
  readonly notes: readonly string[];
}

export interface Manual {
  readonly version: string;
  /** Day it was made, `YYYY-MM-DD`. */
  readonly day: string;
  /** One line, then paragraphs. */
  readonly describe: readonly string[];
  readonly commands: readonly ManualCommand[];
  readonly exits: readonly ManualItem[];
  readonly variables: readonly ManualItem[];
  readonly files: readonly ManualItem[];
  readonly examples: readonly ManualItem[];
}

/** Lines of the page. */
export function manualLines(manual: Manual): string[] {
  const [first = '', ...more] = manual.describe;
  return [
    `.TH BACKHAUL 1 "${manual.day}" "backhaul ${manual.version}" "User Commands"`,
    // A line of the program's is copied as it stands: no hyphens, and no blanks to fill the line.
    '.nh',
    '.ad l',
    '.SH NAME',
    `backhaul \\- ${plain(first)}`,
    '.SH SYNOPSIS',
    '.B backhaul',
    plain('<command> [flags]'),
    '.SH DESCRIPTION',
    ...more.flatMap((text, at) => [...(at > 0 ? ['.PP'] : []), line(text)]),
    '.SH COMMANDS',
    ...manual.commands.flatMap(commandLines),
    '.SH EXIT STATUS',
    ...manual.exits.flatMap(item),
    '.SH ENVIRONMENT',
    ...manual.variables.flatMap(item),
    '.SH FILES',
    ...manual.files.flatMap(item),
    '.SH EXAMPLES',
    ...manual.examples.flatMap(exampleLines).slice(1),
  ];
}

function commandLines({ synopsis, describe, groups, examples, notes }: ManualCommand): string[] {
  return [
    `.SS "${quoted(`backhaul ${synopsis}`)}"`,
    line(describe),
    ...groups.flatMap(({ name, items }) => ['.PP', `.I ${macroWords(name)}`, ...items.flatMap(item)]),
    ...(examples.length === 0 ? [] : ['.PP', '.I Examples:', ...examples.flatMap(exampleLines)]),
    ...notes.flatMap((note) => ['.PP', line(note)]),
  ];
}

function item({ name, says }: ManualItem): string[] {
  return ['.TP', `.B ${macroWords(name)}`, says === '' ? '\\&' : line(says)];
}

function exampleLines({ name, says }: ManualItem): string[] {
  const shown = ['.PP', '.RS 4', '.nf', line(name), '.fi', '.RE'];
  return says === '' ? shown : [...shown, '.RS 8', line(says), '.RE'];
}

/** Words after a macro: it would take them apart at blanks, which does no harm, and at quotes. */
function macroWords(text: string): string {
  return `"${quoted(text)}"`;
}

function quoted(text: string): string {
  return plain(text).replaceAll('"', '\\(dq');
}

/** A line of its own: one that begins with a dot or an apostrophe would be taken for a request. */
function line(text: string): string {
  return plain(text.trim()).replace(/^(?=[.'])/, '\\&');
}

/** Text as roff writes it: a hyphen that can be copied, and what is not ASCII by its number. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll("'", '\\(aq')
    .replaceAll(/[^\x20-\x7e]/gu, (letter) => {
      const number = letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      return `\\[u${number}]`;
    });
}
