import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { coresOf } from '../../../src/load/scaling/process_cpu.ts';

describe.runIf(process.platform === 'linux')('the cores a process may run on', () => {
  it('are as many as Node says of this one', async () => {
    expect((await coresOf('self'))?.size).toBe(availableParallelism());
  });

  it('are those another one is bound to', async () => {
    const [core] = (await coresOf('self'))!;
    const child = spawn('taskset', ['-c', String(core), 'sleep', '30']);
    try {
      await once(child, 'spawn');
      // It binds itself before it becomes the other program.
      await expect.poll(async () => [...((await coresOf(child.pid!)) ?? [])]).toEqual([core]);
    } finally {
      child.kill();
    }
  });

  it('are not known of one that is gone', async () => {
    expect(await coresOf(2 ** 30)).toBe(null);
  });
});
