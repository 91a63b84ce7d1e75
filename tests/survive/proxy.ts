import { createServer, connect as dial, type Socket } from 'node:net';
import { afterAll } from 'vitest';

/** A network of our own between a load and its server: it can be cut, and it can go silent. */

export interface Proxy {
  /** The server's URL by way of the proxy. */
  readonly url: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Breaks every connection, or those that have sent at least `sentBytes`. New ones are welcome. Tells how many. */
  cut(sentBytes?: number): number;
  /** From now on nothing passes in either direction, and nobody is told: a pulled cable. */
  stall(): void;
  /** The cable is back: what was sent meanwhile arrives. */
  resume(): void;
  /** Resolves when a connection has sent so many bytes to the server. */
  sent(bytes: number): Promise<void>;
  /** Every connection is broken, and new ones are as well, until {@link rise}: the server is away. */
  fall(): void;
  rise(): void;
  /** Resolves when a connection is about to send `text`, which does not arrive: the proxy has fallen by then. */
  fallsBefore(text: string): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  sent: number;
}

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing.splice(0)) close();
});

/** A proxy before the server of `url` (TCP), until the end of the test file. */
export async function openProxy(url: string): Promise<Proxy> {
  const { hostname, port } = new URL(url);
  const pairs = new Set<Pair>();
  let stalled = false;
  let fallen = false;
  let last: { readonly text: string; readonly done: () => void } | null = null;
  const cutAll = (chosen: readonly Pair[] = [...pairs]): number => {
    for (const { client, server } of chosen) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    return chosen.length;
  };
  let watchers: { bytes: number; done: () => void }[] = [];
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    if (fallen) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const server = dial({ host: hostname, port: Number(port), allowHalfOpen: true });
    const pair: Pair = { client, server, sent: 0 };
    pairs.add(pair);
    const gone = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', gone);
      socket.on('close', gone);
    }
    client.on('data', (piece) => {
      if (last !== null && piece.includes(last.text)) {
        const { done } = last;
        last = null;
        fallen = true;
        cutAll();
        done();
        return;
      }
      pair.sent += piece.length;
      if (!server.write(piece)) {
        client.pause();
        server.once('drain', () => stalled || client.resume());
      }
      const met = watchers.filter((one) => pair.sent >= one.bytes);
      watchers = watchers.filter((one) => !met.includes(one));
      for (const { done } of met) done();
    });
    server.on('data', (piece) => {
      if (!client.write(piece)) {
        server.pause();
        client.once('drain', () => stalled || server.resume());
      }
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    if (stalled) server.pause();
    else client.resume();
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  closing.push(() => {
    listener.close();
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
  });
  const address = listener.address();
  const proxied = new URL(url);
  proxied.host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url: proxied.href,
    get open() {
      return pairs.size;
    },
    cut: (sentBytes = 0) => cutAll([...pairs].filter((pair) => pair.sent >= sentBytes)),
    fall: () => {
      fallen = true;
      cutAll();
    },
    rise: () => {
      fallen = false;
    },
    fallsBefore: (text) =>
      new Promise((done) => {
        last = { text, done };
      }),
    stall: () => {
      stalled = true;
      for (const { client, server } of pairs) {
        client.pause();
        server.pause();
      }
    },
    resume: () => {
      stalled = false;
      for (const { client, server } of pairs) {
        client.resume();
        server.resume();
      }
    },
    sent: (bytes) => {
      if ([...pairs].some((pair) => pair.sent >= bytes)) return Promise.resolve();
      return new Promise((done) => watchers.push({ bytes, done }));
    },
  };
}
