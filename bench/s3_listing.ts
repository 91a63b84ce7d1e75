/**
 * 100,000 keys listed by this project's reading of the XML and by the SDK's own, from a server in another thread:
 * `node bench/s3_listing.ts`, then `node bench/s3_listing.ts sdk`. Tells seconds, and the process's memory at its most.
 */

import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { openS3Source } from '../src/producer/sources/s3/source.ts';
import { S3Server, TEST_ACCOUNT } from '../tests/s3_server/s3_server.ts';
import { storedObject } from '../tests/s3_server/stored_object.ts';

const KEYS = 100_000;
const REGION = 'us-east-1';

async function serve(): Promise<void> {
  const server = await new S3Server().start();
  const body = storedObject('x');
  for (let i = 0; i < KEYS; i++) {
    server.put('b', `us_stocks_sip/minute_aggs_v1/symbols/K${String(i).padStart(6, '0')}.csv.gz`, body);
  }
  parentPort?.postMessage(server.endpointUrl);
}

async function listBySdk(endpoint: string): Promise<number> {
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials: TEST_ACCOUNT });
  let count = 0;
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: 'b', ...(token === undefined ? {} : { ContinuationToken: token }) }),
    );
    count += page.Contents?.length ?? 0;
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return count;
}

async function listBySource(endpointUrl: string): Promise<number> {
  process.env['AWS_ACCESS_KEY_ID'] = TEST_ACCOUNT.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = TEST_ACCOUNT.secretAccessKey;
  const source = await openS3Source('s3://b', { endpointUrl, region: REGION });
  const all = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY, symbols: null };
  let count = 0;
  for await (const _ of source.list(all)) count += 1;
  return count;
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [endpoint] = (await once(worker, 'message')) as [string];
  const way = process.argv[2] === 'sdk' ? listBySdk : listBySource;
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const count = await way(endpoint);
  const seconds = (performance.now() - start) / 1000;
  const grown = process.resourceUsage().maxRSS * 1024 - before;
  process.stdout.write(
    `${way.name}: ${count} keys, ${seconds.toFixed(2)} s, memory + ${(grown / 1e6).toFixed(0)} MB\n`,
  );
  await worker.terminate();
} else {
  await serve();
}
