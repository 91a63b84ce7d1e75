import { expect, test } from 'vitest';
import { ConcurrencyLimit, Followers } from '../../../src/load/scaling/concurrency.ts';

function followers() {
  const limit = new ConcurrencyLimit(2);
  let changes = 0;
  limit.onChange(() => changes++);
  return { limit, followers: new Followers(limit, 8), changes: () => changes };
}

test('further tasks wait for the first records, and are let in once', () => {
  const { limit, followers: waiting, changes } = followers();
  waiting.look(2, 0);
  expect(limit.value).toBe(2);
  waiting.look(2, 1);
  waiting.look(8, 2);
  expect(limit.value).toBe(8);
  expect(changes()).toBe(1);
});

test('they do not wait for ever for a first task that gets nowhere, nor count the time before it runs', () => {
  const { limit, followers: waiting } = followers();
  for (let i = 0; i < 100; i++) waiting.look(0, 0);
  expect(limit.value).toBe(2);
  for (let i = 0; i < 4; i++) waiting.look(1, 0);
  expect(limit.value).toBe(2);
  waiting.look(1, 0);
  expect(limit.value).toBe(8);
});
