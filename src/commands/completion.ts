/** `backhaul completion`: a script that has the shell ask us what a word may go on as, and the answers. */

import { BackhaulError } from '../faults/fault.ts';
import { sanitise } from '../ui/text.ts';
import type { Command } from './options/settings.ts';
import { print } from './program/screen.ts';

/** What the scripts put before the words of the line. */
export const COMPLETE = '--get-completions';

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# backhaul completion bash >> ~/.bashrc
_backhaul() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(backhaul ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _backhaul backhaul`,
  zsh: `# backhaul completion zsh >> ~/.zshrc
_backhaul() {
  local -a answers
  answers=("\${(@f)$(backhaul ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$answers" ]]; then compadd -a answers; else _files; fi
}
compdef _backhaul backhaul`,
  fish: `# backhaul completion fish > ~/.config/fish/completions/backhaul.fish
complete -c backhaul -a '(backhaul ${COMPLETE} (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
};

export const command: Command = {
  settings: [],
  command: 'completion <shell>',
  words: Object.keys(SCRIPTS),
  describe: 'A script that completes commands, flags and symbols: bash, zsh, fish',
  builder: (yargs) =>
    yargs
      .positional('shell', { describe: 'bash, zsh or fish' })
      .example('$0 completion bash >> ~/.bashrc', '')
      .example('$0 completion fish > ~/.config/fish/completions/backhaul.fish', ''),
  handler: (argv) => {
    const shell = String(argv['shell']);
    const script = SCRIPTS[shell];
    if (script === undefined)
      throw new BackhaulError({
        kind: 'usage',
        message: `no completion for "${shell}"`,
        expected: Object.keys(SCRIPTS).join(', '),
      });
    print(script);
  },
};

/** How long a shell may be kept waiting for names out of the database. */
const ANSWER_MS = 2_000;
const MOST = 2_000;

const SYMBOLS = 'SELECT DISTINCT symbol AS name FROM backhaul.series';
const VENUES = 'SELECT DISTINCT venue AS name FROM backhaul.series';
const FILES = 'SELECT DISTINCT uri AS name FROM backhaul.task';

/**
 * What the last of `words` may go on as: a command, the word behind it (`gaps fill`), a flag of it, or a name that stands in the database of DATABASE_URL.
 * None: a file of the shell's own finding. Nothing is started for it, and a database that does not answer has no names.
 */
export async function answersTo(words: readonly string[], commands: readonly Command[]): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  const nameOf = (command: Command): string => String(command.command).split(' ', 1)[0]!;
  if (words.length < 2) return commands.map(nameOf).filter((name) => name.startsWith(begun));
  if (words.at(-2) === '--symbols') return standing(SYMBOLS, begun);
  if (words.at(-2) === '--venue') return standing(VENUES, begun);
  if (begun.startsWith('-')) {
    const settings = commands.find((command) => nameOf(command) === words[0])?.settings ?? [];
    const flags = [...new Set(settings.flatMap((some) => Object.keys(some)))].map((flag) => `--${flag}`);
    return flags.filter((flag) => flag.startsWith(begun)).sort();
  }
  if (words.length === 2) {
    const second = commands.find((command) => nameOf(command) === words[0])?.words ?? [];
    const fitting = second.filter((word) => word.startsWith(begun));
    if (fitting.length > 0) return fitting;
  }
  return words[0] === 'unload' ? standing(FILES, begun) : [];
}

/** A list is completed at its last word. */
async function standing(sql: string, text: string): Promise<string[]> {
  const url = process.env['DATABASE_URL'];
  if (url === undefined || url === '') return [];
  const [, before = '', begun = ''] = /^(.*,)?([^,]*)$/.exec(text) ?? [];
  const { connect, endSession } = await import('../database/connect.ts');
  try {
    const client = await connect(url, { connectTimeoutMs: ANSWER_MS, statementTimeoutMs: ANSWER_MS });
    const { rows } = await client
      .query<{ name: string }>(
        `SELECT name FROM (${sql}) n WHERE starts_with(name, $1) ORDER BY 1 LIMIT ${MOST}`,
        [begun],
      )
      .finally(() => endSession(client));
    return rows.map(({ name }) => before + sanitise(name));
  } catch {
    return [];
  }
}
