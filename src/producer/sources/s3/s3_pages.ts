/** ListObjectsV2 a page at a time, as lazily as it is read. */

import { BackhaulError } from '../../../faults/fault.ts';
import { retrying, type TransferSettings } from '../transfer/retries.ts';
import { TransferError } from '../transfer/transfer_error.ts';
import { type KeyPage, type ListAnswer, parseListAnswer } from './list_answer.ts';
import type { S3Access } from './s3_access.ts';
import { s3Uri } from './s3_uri.ts';

export interface PageRequest {
  readonly prefix: string;
  /** Only what lies directly below the prefix. */
  readonly level?: boolean;
  /** Only keys behind this one. */
  readonly after?: string;
  /** Keys a page; S3 gives 1,000 at most. */
  readonly maxKeys?: number;
  /** Ask for the next page while this one is read. */
  readonly ahead?: boolean;
  /** The tree is known to have no lists of checksums. */
  readonly noLists?: boolean;
}

/** How the keys of a bucket are asked for. */
export type ListPages = (request: PageRequest) => AsyncIterable<KeyPage>;

/** The pages of one bucket. */
export function pagesOf(
  access: S3Access,
  bucket: string,
  settings: TransferSettings,
  signal: AbortSignal | undefined,
): ListPages {
  let reached = false;
  const ask = async (request: PageRequest, token: string | null): Promise<KeyPage> => {
    const uri = s3Uri(bucket, request.prefix);
    const patience = { ...settings, addressKnown: settings.addressKnown || reached };
    const answer = await retrying(patience, signal, () =>
      onePage(access, uri, bucket, request, token, settings, signal),
    );
    reached = true;
    // A server that hands out one token twice would be listed for ever.
    if (answer.next === null || answer.next !== token) return answer;
    throw new BackhaulError({
      kind: 'corrupt',
      message: `${access.server} lists the same page again and again`,
      where: { uri },
    });
  };
  return (request) => pages(request, ask);
}

async function* pages(
  request: PageRequest,
  ask: (request: PageRequest, token: string | null) => Promise<KeyPage>,
): AsyncGenerator<KeyPage, void, void> {
  let answer = await ask(request, null);
  while (answer.next !== null) {
    const following = request.ahead ? ask(request, answer.next) : null;
    // Its failure is met below; a reader that stops before leaves it unmet.
    following?.catch(() => {});
    yield answer;
    answer = await (following ?? ask(request, answer.next));
  }
  yield answer;
}

async function onePage(
  access: S3Access,
  uri: string,
  bucket: string,
  request: PageRequest,
  token: string | null,
  settings: TransferSettings,
  signal: AbortSignal | undefined,
): Promise<KeyPage> {
  const got: { answer: ListAnswer } = { answer: 'foreign' };
  await access.call(
    { uri, bucket, operation: 'list' },
    (client, sdk, abortSignal) => {
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: request.prefix,
        ...(request.level ? { Delimiter: '/' } : {}),
        ...(request.after !== undefined && token === null ? { StartAfter: request.after } : {}),
        ...(request.maxKeys === undefined ? {} : { MaxKeys: request.maxKeys }),
        ...(token === null ? {} : { ContinuationToken: token }),
        ...(access.requestPayer ? { RequestPayer: 'requester' as const } : {}),
      });
      command.middlewareStack.add(
        bodyReader((xml) => {
          got.answer = parseListAnswer(xml);
        }),
        { step: 'deserialize', priority: 'low', name: 'readListAnswer' },
      );
      return client.send(command, abortSignal === undefined ? {} : { abortSignal });
    },
    signal,
    2 * settings.limits.idleTimeoutMs,
  );
  const { answer } = got;
  if (typeof answer !== 'string') return answer;
  const message =
    answer === 'cut' ? 'the listing broke off' : `the answer of ${access.server} is not one of S3`;
  const kind = answer === 'cut' ? 'truncated' : 'network';
  throw new TransferError(
    { kind, message, where: { uri }, hint: 'check --endpoint-url' },
    answer === 'cut' ? 'yes' : 'no',
  );
}

/** Takes the body of a good answer out of the SDK's hands; an error's stays there. */
function bodyReader(read: (body: Buffer) => void) {
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's middleware is typed by the command it is added to.
  return (next: (args: any) => Promise<any>) =>
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    async (args: any): Promise<any> => {
      const result = await next(args);
      const response = result.response as {
        statusCode: number;
        body: AsyncIterable<Uint8Array> | Uint8Array;
      };
      if (response.statusCode === 200) {
        const pieces: Uint8Array[] = [];
        for await (const piece of response.body as AsyncIterable<Uint8Array>) pieces.push(piece);
        read(Buffer.concat(pieces));
        response.body = EMPTY_ANSWER;
      }
      return result;
    };
}

const EMPTY_ANSWER = Buffer.from('<ListBucketResult/>');
