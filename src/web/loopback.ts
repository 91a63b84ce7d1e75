/** Servers that only this machine reaches. */

import type { Server } from 'node:http';
import { BackhaulError } from '../faults/fault.ts';

export const LOOPBACK = '127.0.0.1';

/** Listens; `port` 0 takes a free one. Fault `usage` for a port in use. */
export function listenOnLoopback(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const { code = '' } = error;
      reject(
        new BackhaulError({
          kind: 'usage',
          message: code === 'EADDRINUSE' ? `port ${port} is in use` : `port ${port} cannot be listened on`,
          code,
          hint: 'name another one, or none',
        }),
      );
    });
    server.listen(port, LOOPBACK, resolve);
  });
}

/** Whether a request names this machine: a page elsewhere could have its own name resolve to loopback. */
export function isOwnName(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '');
  return name === LOOPBACK || name === 'localhost';
}
