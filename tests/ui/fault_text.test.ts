import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/faults/fault.ts';
import { faultLine, faultLines, fileText } from '../../src/ui/fault_text.ts';

const FULL: Fault = {
  kind: 'truncated',
  message: 'the entry ends early',
  where: {
    uri: 'file:///data/Kraken%20Q2.zip',
    entry: 'XBTUSD_1.csv',
    line: 1234,
    byteOffset: 345678,
    field: 'close',
  },
  expected: '1,000 bytes',
  found: '17 bytes',
  hint: 'download it again',
};

describe('a fault', () => {
  it('says what, where, expected and found, and what helps', () => {
    expect(faultLines(FULL)).toEqual([
      'the entry ends early',
      'at /data/Kraken Q2.zip › XBTUSD_1.csv, line 1,234, byte 345,678, field close',
      'expected 1,000 bytes, found 17 bytes',
      'hint: download it again',
    ]);
    expect(faultLines({ kind: 'internal', message: 'so it is' })).toEqual(['so it is']);
  });

  it('is one line where it must be', () => {
    expect(faultLine(FULL)).not.toContain('\n');
    expect(faultLine(FULL)).toContain('ends early; at /data/Kraken Q2.zip › XBTUSD_1.csv');
  });

  it('prints nothing of the data raw', () => {
    const evil = 'x\x1b[2J\ny';
    const lines = faultLines({
      kind: 'corrupt',
      message: evil,
      where: { uri: evil, entry: evil, field: evil },
      expected: evil,
      found: evil,
      hint: evil,
    });
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      expect(line).not.toContain('\x1b');
      expect(line).not.toContain('\n');
    }
  });

  it('cuts what was found to a readable length', () => {
    const lines = faultLines({ kind: 'corrupt', message: 'm', found: 'z'.repeat(10_000) });
    expect(lines[1]!.length).toBeLessThan(250);
  });
});

describe('a file', () => {
  it('is shown by its path, with the entry behind it', () => {
    expect(fileText('s3://bucket/a%20b.gz', null)).toBe('s3://bucket/a%20b.gz');
    expect(fileText('file:///a/100%.csv', null)).toBe('/a/100%.csv');
    expect(fileText('file:///a.zip', 'b/c.csv')).toBe('/a.zip › b/c.csv');
    expect(fileText('file:///a%0Ab.csv', null)).toBe('/a\\nb.csv');
  });
});
