import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import {
  newGateMemory,
  RequestGate,
  requestGate,
} from '../../../../src/producer/sources/transfer/request_gate.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { allOf, opened, useTestCredentials } from '../s3/s3_setup.ts';

function gateAt(places: number) {
  const clock = { ms: 1_000 };
  const memory = newGateMemory(places);
  return { clock, gate: new RequestGate(memory, places, () => clock.ms) };
}

/** Takes places until none is free. */
async function fill(gate: RequestGate): Promise<{ leave(): void }[]> {
  const places: { leave(): void }[] = [];
  while (gate.open() < gate.limit()) places.push(await gate.enter());
  return places;
}

const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
  const later = new Promise((resolve) => setTimeout(resolve, 60, 'later'));
  return (await Promise.race([promise, later])) === 'later';
};

describe('a gate', () => {
  it('lets in as many as there are places, and the next when one leaves', async () => {
    const { gate } = gateAt(3);
    const places = await fill(gate);
    expect(places).toHaveLength(3);
    const next = gate.enter();
    expect(await isPending(next)).toBe(true);
    places[1]?.leave();
    places[1]?.leave();
    (await next).leave();
    expect(gate.open()).toBe(2);
  });

  it('halves when told to slow down, once for a burst, and climbs by one a second', async () => {
    const { gate, clock } = gateAt(64);
    const places = await fill(gate);
    gate.slowDown();
    gate.slowDown();
    expect(gate.limit()).toBe(32);
    clock.ms = 6_000;
    expect(gate.limit()).toBe(37);
    clock.ms = 61_000;
    expect(gate.limit()).toBe(64);
    for (const place of places) place.leave();
  });

  it('halves what was open, not what was allowed', async () => {
    const { gate } = gateAt(64);
    for (let i = 0; i < 7; i++) await gate.enter();
    gate.slowDown();
    expect(gate.limit()).toBe(4);
  });

  it('never closes', async () => {
    const { gate, clock } = gateAt(64);
    for (let i = 0; i < 20; i++) {
      clock.ms += 1_001;
      gate.slowDown();
    }
    expect(gate.limit()).toBeGreaterThanOrEqual(1);
    expect(await isPending(gate.enter())).toBe(false);
  });

  it('lets nobody in while those from before are still too many', async () => {
    const { gate } = gateAt(8);
    const places = await fill(gate);
    gate.slowDown();
    expect(gate.limit()).toBe(4);
    for (const place of places.slice(0, 3)) place.leave();
    expect(await isPending(gate.enter())).toBe(true);
    for (const place of places) place.leave();
  });

  it('is left by a waiting reader that is told to stop', async () => {
    const { gate } = gateAt(1);
    const place = await gate.enter();
    const abort = new AbortController();
    const waiting = gate.enter(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ fault: { kind: 'interrupted' } });
    place.leave();
    expect(gate.open()).toBe(0);
  });

  it('takes the place of a reader that does not read, for another may be waiting for it', async () => {
    const gate = new RequestGate(newGateMemory(1), 1);
    const place = await gate.enter();
    place.handingOver();
    (await gate.enter()).leave();
    place.takenUp();
    place.leave();
    expect(gate.open()).toBe(0);
  });

  it('gets back the places of a thread that died, and not those of one that lives', async () => {
    vi.useFakeTimers();
    const memory = newGateMemory(2);
    const start = Date.now() - 1_000;
    const sinceStart = () => Date.now() - start;
    await new RequestGate(memory, 2, sinceStart).enter();
    vi.clearAllTimers(); // Its thread is dead: nobody touches that place any more.
    const gate = new RequestGate(memory, 2, sinceStart);
    await gate.enter();
    vi.advanceTimersByTime(55_000);
    expect(gate.open()).toBe(2);
    vi.advanceTimersByTime(10_000);
    expect(gate.open()).toBe(1);
    vi.useRealTimers();
  });
});

describe("the process's gate", () => {
  useTestCredentials();

  it('is one for all threads', async () => {
    const url = new URL('../../../../src/producer/sources/transfer/request_gate.ts', import.meta.url);
    const place = await requestGate().enter();
    const code = `
      import { parentPort } from 'node:worker_threads';
      const { requestGate } = await import(${JSON.stringify(url.href)});
      await requestGate().enter();
      parentPort.postMessage([requestGate().open(), requestGate().limit()]);
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    const seen = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
    expect(seen).toEqual([2, requestGate().limit()]);
    expect(requestGate().open()).toBe(2);
    await worker.terminate();
    place.leave();
  });

  it('holds the number of requests down after a server said so, and every byte arrives', async () => {
    const server = await new S3Server().start();
    const body = Buffer.alloc(20_000, 'x');
    server.put('b', 'x.csv', body);
    const reader = await opened(server, 's3://b/x.csv');
    const readers = 60;
    server.fault({ kind: 'delay', ms: 20 }, { on: 'get', times: 1000 });
    server.fault({ kind: 'status', status: 503, code: 'SlowDown' }, { on: 'get', times: 20 });
    await Promise.all(Array.from({ length: readers }, () => reader.read(0, 100)));
    server.mostAtOnce = 0;
    const all = await Promise.all(Array.from({ length: readers }, () => allOf(reader)));
    // It only rises, so this is the most it was meanwhile.
    const allowed = requestGate().limit();
    expect(allowed).toBeLessThan(readers);
    expect(server.mostAtOnce).toBeLessThanOrEqual(allowed);
    for (const bytes of all) expect(bytes.equals(body)).toBe(true);
    await server.stop();
  });
});
