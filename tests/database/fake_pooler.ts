import { createServer, type Socket } from 'node:net';

/** A pooler that is reduced to what tells its modes apart: which process of the server answers a query. */
export interface FakePooler {
  readonly url: string;
  /** Every query, with the number of the connection it came by. */
  readonly queries: { readonly connection: number; readonly text: string }[];
  /** Names of start-up parameters it was given. */
  readonly parameters: Set<string>;
  close(): void;
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const READY = message('Z', Buffer.from('I'));
const WELCOME = Buffer.concat([
  message('R', int32(0)),
  message('S', text('server_version'), text('15.14')),
  // A number that is no process of the server.
  message('K', int32(0x7a_7a_7a), int32(1)),
  READY,
]);

function refusal(code: string, why: string): Buffer {
  return message('E', text('SFATAL'), text(`C${code}`), text(`M${why}`), Buffer.from([0]));
}

function answer(query: string, pid: number): Buffer {
  const done = message('C', text(query.split(' ', 1)[0]!));
  if (!query.startsWith('SELECT')) return Buffer.concat([done, READY]);
  const field = [text('pid'), int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0)];
  const digits = Buffer.from(String(pid));
  const row = message('D', int16(1), int32(digits.length), digits);
  return Buffer.concat([message('T', int16(1), ...field), row, done, READY]);
}

/** `mode`: as PgBouncer's pool_mode; or a SQLSTATE by which it refuses every session. */
export async function fakePooler(
  mode: 'session' | 'transaction' | 'statement' | string,
): Promise<FakePooler> {
  const queries: FakePooler['queries'] = [];
  const parameters = new Set<string>();
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const connection = ++connections;
    let left = Buffer.alloc(0);
    let isStarted = false;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      left = Buffer.concat([left, bytes]);
      for (;;) {
        const head = isStarted ? 1 : 0;
        if (left.length < head + 4 || left.length < head + left.readInt32BE(head)) return;
        const body = left.subarray(head + 4, head + left.readInt32BE(head));
        const type = isStarted ? String.fromCharCode(left[0]!) : '';
        left = left.subarray(head + 4 + body.length);
        if (type === '') {
          isStarted = true;
          const words = body.subarray(4).toString().split('\0');
          for (let at = 0; at < words.length; at += 2) if (words[at] !== '') parameters.add(words[at]!);
          if (/^\d/.test(mode)) socket.end(refusal(mode, 'not here'));
          else socket.write(WELCOME);
        } else if (type === 'Q') {
          const query = body.toString().replace(/\0$/, '');
          queries.push({ connection, text: query });
          if (mode === 'statement' && query === 'BEGIN')
            socket.write(Buffer.concat([refusal('08P01', 'transaction blocks not allowed'), READY]));
          else socket.write(answer(query, mode === 'session' ? 1000 + connection : 1000));
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    url: `postgres://u:hunter2@127.0.0.1:${port}/db`,
    queries,
    parameters,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
