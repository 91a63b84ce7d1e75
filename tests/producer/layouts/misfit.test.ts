import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/faults/fault.ts';
import { BackhaulError } from '../../../src/faults/fault.ts';
import { checkLayout } from '../../../src/producer/layouts/checked_layout.ts';
import { detect } from '../../../src/producer/layouts/detect.ts';

const LAYOUT = {
  paths: '(?<symbol>[A-Z]+)\\.csv$',
  columns: ['time', 'open', 'high', 'low', 'close', 'volume'],
  header: 'none',
  time: { format: 'yyyyMMdd HHmm' },
  venue: 'mine',
  symbol: { group: 'symbol' },
  interval: '1m',
};

/** What is said of a file under a layout its user named, which differs from the one above by `keys`. */
function fault(keys: object, text: string, encoding: BufferEncoding = 'utf8'): Fault {
  const layout = checkLayout({ ...LAYOUT, ...keys }, 'my.yaml', 'my');
  try {
    detect(
      [layout],
      true,
      'ABC.csv',
      { bytes: Buffer.from(text, encoding), complete: true },
      { uri: 'file:///ABC.csv' },
    );
  } catch (error) {
    if (error instanceof BackhaulError) return error.fault;
    throw error;
  }
  throw new Error('the file fits');
}

describe('a file that is not as the layout named for it says', () => {
  it.each([
    ['its stamps', {}, '2024-05-06 07:08,1,1,1,1,1\n', 'time', '2024-05-06 07:08', 'unit: text'],
    ['its stamps', {}, '06.05.2024 07:08,1,1,1,1,1\n', 'time', '06.05.2024 07:08', "'dd.MM.yyyy HH:mm'"],
    ['its stamps', {}, '1715000000,1,1,1,1,1\n', 'time', '1715000000', 'unit: s'],
    ['its numbers', { delimiter: ';' }, '20240506 0708;1,5;1,5;1,5;1,5;9\n', 'open', '1,5', "decimal: ','"],
    [
      'its delimiter',
      {},
      '20240506 0708;1;1;1;1;1\n',
      undefined,
      '20240506 0708;1;1;1;1;1',
      "delimiter: ';'",
    ],
    ['its columns', {}, '20240506 0708,1,1,1,1,1,7\n', undefined, '20240506 0708,1,1,1,1,1,7', 'ignore'],
    [
      'its header',
      {
        header: 'required',
        columns: { time: 't', open: 'o', high: 'h', low: 'l', close: 'Last', volume: 'v' },
      },
      't,o,h,l,Lst,v\n',
      'close',
      't,o,h,l,Lst,v',
      'close: Lst',
    ],
  ])('is told by %s, with what would do', (_, keys, text, field, found, hint) => {
    const said = fault(keys, text);
    expect(said.kind).toBe('not-a-bar-file');
    expect(said.where?.field).toBe(field);
    expect(said.found).toBe(found);
    expect(said.hint).toContain(hint);
    expect(said.hint).not.toContain('--layout');
  });

  it('is told to be of another encoding where its header is no UTF-8', () => {
    const columns = {
      time: 'Datum',
      open: 'Eröffnung',
      high: 'Höchst',
      low: 'Tief',
      close: 'Schluß',
      volume: 'Stück',
    };
    const text = 'Datum,Eröffnung,Höchst,Tief,Schluß,Stück\n20240506 0708,1,1,1,1,1\n';
    const keys = { header: 'required', columns };
    expect(() => fault(keys, text)).toThrow('the file fits');
    expect(() => fault({ ...keys, encoding: 'windows-1252' }, text, 'latin1')).toThrow('the file fits');
    expect(fault(keys, text, 'latin1').hint).toContain('encoding: windows-1252');
  });
});
