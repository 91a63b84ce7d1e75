import { runCommandLine } from '../../src/commands/command_line.ts';

/** What a command line has said, and the exit code it would end with. */
export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command line in this process, a tenth of the cost of a program of its own, for tests of what it answers. One at
 * a time: the working folder, the environment and the standard streams are the process's. What only a program has
 * (signals, pipes, its end, a `.env`) is for `runCli`. Nothing of the tests' own settings reaches it.
 */
export async function answerOf(
  args: readonly string[],
  {
    cwd = process.cwd(),
    env = {},
  }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const before = { folder: process.cwd(), environment: process.env, exitCode: process.exitCode };
  const { PATH = '', HOME = '' } = process.env;
  const said = { stdout: '', stderr: '' };
  const giveBack = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const write = stream.write;
    stream.write = ((piece: string | Uint8Array, ...rest: readonly unknown[]) => {
      said[name] += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
      const done = rest.find((one) => typeof one === 'function') as (() => void) | undefined;
      if (done !== undefined) queueMicrotask(done);
      return true;
    }) as typeof stream.write;
    return () => {
      stream.write = write;
    };
  });
  process.env = { PATH, HOME, ...env };
  process.exitCode = 0;
  try {
    process.chdir(cwd);
    await runCommandLine(args);
    return { code: Number(process.exitCode), ...said };
  } finally {
    for (const give of giveBack) give();
    process.env = before.environment;
    process.exitCode = before.exitCode;
    process.chdir(before.folder);
  }
}
