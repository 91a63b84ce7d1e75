/** The bytes of a response's body, with a bound on the wait for the next ones. */

import { abortError } from '../../../faults/file_fault.ts';
import { socketError, TransferError } from './transfer_error.ts';

/** A body as `node:http` hands it out. */
export interface ResponseBody extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown;
}

export interface BodyOf {
  readonly uri: string;
  /** Host name, for messages. */
  readonly server: string;
}

/**
 * The body in pieces as they arrive. The time a reader takes over a piece does not count as idle: a paused
 * connection that its server then drops fails as a broken one.
 * @throws TransferError `timeout` after `idleTimeoutMs` without a byte, `network` when the connection breaks;
 *   BackhaulError `interrupted` when aborted
 */
export async function* bodyPieces(
  body: ResponseBody,
  of: BodyOf,
  idleTimeoutMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  let waitingSince: number | null = performance.now();
  let idle = false;
  const watch = setInterval(() => {
    if (waitingSince === null || performance.now() - waitingSince < idleTimeoutMs) return;
    idle = true;
    body.destroy();
  }, idleTimeoutMs / 4).unref();
  const abort = () => body.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    if (signal?.aborted) throw abortError(signal);
    for await (const piece of body) {
      waitingSince = null;
      yield piece;
      waitingSince = performance.now();
    }
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    throw idle ? idleError(of, idleTimeoutMs) : (socketError(error, of.uri, of.server) ?? error);
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', abort);
  }
}

function idleError(of: BodyOf, idleTimeoutMs: number): TransferError {
  const message = `no byte came from ${of.server} for ${idleTimeoutMs} ms`;
  const hint = 'check the network, or raise BACKHAUL_IDLE_TIMEOUT_MS';
  return new TransferError({ kind: 'timeout', message, where: { uri: of.uri }, hint }, 'yes');
}
