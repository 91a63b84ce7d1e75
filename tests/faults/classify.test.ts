import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Cause,
  CODE_FAMILIES,
  causeOf,
  ERRNO,
  HTTP_STATUS,
  S3_CODE,
  SQLSTATE,
  SQLSTATE_CLASSES,
} from '../../src/faults/causes.ts';
import { classify, faultOf } from '../../src/faults/classify.ts';
import { BackhaulError, type FaultKind } from '../../src/faults/fault.ts';
import { fileError } from '../../src/faults/file_fault.ts';
import { printable, storable, storableJson } from '../../src/faults/safe_text.ts';
import { type S3Request, s3Error } from '../../src/producer/sources/s3/s3_fault.ts';
import { socketError } from '../../src/producer/sources/transfer/transfer_error.ts';

const coded = (code: string, message = 'anything at all'): Error =>
  Object.assign(new Error(message), { code });

describe('classify', () => {
  test.each<[string, FaultKind, boolean]>([
    // SQLSTATE
    ['08006', 'database-connect', true],
    ['08001', 'database-connect', true],
    ['40001', 'database', true],
    ['40P01', 'database', true],
    ['53100', 'database', true],
    ['53300', 'database', true],
    ['55P03', 'database', true],
    ['57P01', 'database', true],
    ['57P02', 'database', true],
    ['57P03', 'database', true],
    ['57014', 'database', false],
    ['57P04', 'database', false],
    ['55000', 'database', false],
    ['23505', 'database', false],
    ['22P04', 'database', false],
    ['42P01', 'database', false],
    ['XX001', 'database', false],
    ['28P01', 'database-connect', false],
    ['3D000', 'database-connect', false],
    // errno
    ['ECONNRESET', 'network', true],
    ['ECONNREFUSED', 'network', true],
    ['EPIPE', 'network', true],
    ['ENOTFOUND', 'network', true],
    ['EAI_AGAIN', 'network', true],
    ['ETIMEDOUT', 'timeout', true],
    ['EMFILE', 'limit', true],
    ['ENOSPC', 'limit', false],
    ['EIO', 'corrupt', false],
    ['ESTALE', 'network', true],
    ['EPROTO', 'network', false],
    ['CERT_HAS_EXPIRED', 'network', false],
    ['HPE_INVALID_CONSTANT', 'network', true],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout', true],
    ['RequestTimeTooSkewed', 'credentials', false],
    ['SlowDown', 'network', true],
    ['ENOENT', 'not-found', false],
    ['EACCES', 'forbidden', false],
    ['Z_DATA_ERROR', 'corrupt', false],
    ['Z_BUF_ERROR', 'truncated', false],
    ['ABORT_ERR', 'interrupted', false],
    ['ERR_SOMETHING_NEW', 'internal', false],
  ])('code %s is a fault of kind %s, retried: %s', (code, kind, retry) => {
    expect(classify(coded(code))).toEqual({ retry, fault: { kind, message: 'anything at all', code } });
  });

  test.each<[number, FaultKind, boolean]>([
    [404, 'not-found', false],
    [401, 'credentials', false],
    [403, 'forbidden', false],
    [408, 'timeout', true],
    [412, 'source-changed', false],
    [429, 'network', true],
    [500, 'network', true],
    [503, 'network', true],
    [400, 'network', false],
    [410, 'not-found', false],
    [416, 'truncated', false],
    [504, 'timeout', true],
  ])('HTTP status %d is a fault of kind %s, retried: %s', (status, kind, retry) => {
    const verdict = classify(Object.assign(new Error('x'), { $metadata: { httpStatusCode: status } }));
    expect(verdict).toEqual({ retry, fault: { kind, message: 'x', code: String(status) } });
  });

  test.each<[FaultKind, boolean]>([
    ['usage', false],
    ['not-found', false],
    ['forbidden', false],
    ['credentials', false],
    ['source-changed', false],
    ['network', true],
    ['timeout', true],
    ['truncated', false],
    ['corrupt', false],
    ['checksum', false],
    ['encrypted', false],
    ['unsupported', false],
    ['limit', false],
    ['not-a-bar-file', false],
    ['timestamp', false],
    ['too-many-rejects', false],
    ['reconcile', false],
    ['database-connect', true],
    ['database', false],
    ['lost-lease', false],
    ['predecessor', false],
    ['interrupted', false],
    ['internal', false],
  ])('a fault of kind %s without a code is retried: %s', (kind, retry) => {
    const fault = { kind, message: 'm' } as const;
    expect(classify(fault)).toEqual({ retry, fault });
    expect(classify(new BackhaulError(fault))).toEqual({ retry, fault });
    // What is left of an error after it has crossed threads.
    expect(classify({ name: 'Error', message: 'm', fault })).toEqual({ retry, fault });
  });

  test('a code decides where a database fault has one', () => {
    expect(classify({ kind: 'database', message: 'm', code: '40P01' }).retry).toBe(true);
    expect(classify({ kind: 'database', message: 'm', code: 'ECONNRESET' }).retry).toBe(true);
    expect(classify({ kind: 'database', message: 'm', code: 'EPIPE' }).retry).toBe(true);
    expect(classify({ kind: 'database-connect', message: 'm', code: '28P01' }).retry).toBe(false);
    expect(classify({ kind: 'database-connect', message: 'm', code: 'ECONNREFUSED' }).retry).toBe(true);
  });

  test('no message changes a verdict', () => {
    const code = fc.constantFrom('40001', '23505', 'ECONNRESET', 'ENOENT', 'WHATEVER');
    fc.assert(
      fc.property(code, fc.string(), fc.string(), (one, a, b) => {
        expect(classify(coded(one, a)).retry).toBe(classify(coded(one, b)).retry);
        expect(classify(coded(one, a)).fault.kind).toBe(classify(coded(one, b)).fault.kind);
      }),
    );
  });

  test('whatever was thrown becomes a fault of one line without control characters', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: 'binary' }), (thrown, message) => {
        for (const fault of [faultOf(thrown), faultOf(new Error(message))]) {
          expect(typeof fault.kind).toBe('string');
          if (fault !== thrown) expect(fault.message).not.toMatch(/[\p{Cc}\n]/u);
        }
        expect(faultOf(new Error(message)).message).not.toBe('');
      }),
      { numRuns: 25 },
    );
  });
});

/** Every row of the table, as its code is met. */
const ROWS: readonly (readonly [string, Cause])[] = [
  ...ERRNO,
  ...CODE_FAMILIES.map(([beginning, cause]) => [`${beginning}SOMETHING`, cause] as const),
  ...SQLSTATE,
  ...[...SQLSTATE_CLASSES].map(([letters, cause]) => [`${letters}Z99`, cause] as const),
  ...HTTP_STATUS,
  ...S3_CODE,
];

const S3_REQUEST: S3Request = {
  uri: 's3://b/x.csv',
  bucket: 'b',
  operation: 'get',
  server: 's3.example',
  region: 'eu-west-1',
  profile: null,
  signed: true,
};

describe('one table', () => {
  test('no code stands in it twice', () => {
    const codes = [...ERRNO.keys(), ...S3_CODE.keys(), ...SQLSTATE.keys(), ...HTTP_STATUS.keys()];
    expect(new Set(codes).size).toBe(codes.length);
  });

  test.each(ROWS)('%s means the same wherever it is met', (code, { kind, retry }) => {
    expect(causeOf(code)).toEqual({ kind, retry });
    const passes = retry !== 'no';
    expect(classify(coded(code))).toEqual({
      retry: passes,
      fault: { kind, message: 'anything at all', code },
    });
    // As whoever met it has worded it, once it has crossed threads.
    expect(classify({ kind, message: 'm', code }).retry).toBe(passes && kind !== 'source-changed');
    expect(fileError(coded(code), 'file:///x').fault).toMatchObject({ kind, code });
    const socket = socketError(coded(code), 'https://h/x', 'h');
    if (socket !== null) expect([socket.fault.kind, socket.retry]).toEqual([kind, retry]);
    if (kind === 'database' || kind === 'database-connect') expect(socket).toBeNull();
  });

  test.each([...S3_CODE])('S3 says %s, and a word about it', (code, { kind, retry }) => {
    const error = s3Error(Object.assign(new Error('as the server words it'), { name: code }), S3_REQUEST);
    expect([error.fault.kind, error.retry]).toEqual([kind, retry]);
    expect(error.fault.message).not.toContain('as the server');
    expect(error.fault.message).not.toMatch(/failed \(/);
    expect(causeOf(`499 ${code}`)).toEqual({ kind, retry });
  });

  test.each([...HTTP_STATUS])(
    'status %s from S3 means what it means on the web',
    (status, { kind, retry }) => {
      const given = Object.assign(new Error('x'), {
        name: 'Strange',
        $metadata: { httpStatusCode: Number(status) },
      });
      const error = s3Error(given, S3_REQUEST);
      expect([error.fault.kind, error.retry]).toEqual([kind, retry]);
    },
  );

  test("what nobody knows is nobody's: a fault of our own, not tried again", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^ERR_[A-Z]{1,12}$/), (code) => {
        fc.pre(
          !ROWS.some(([known]) => known === code) && !CODE_FAMILIES.some(([start]) => code.startsWith(start)),
        );
        expect(causeOf(code)).toBeNull();
        expect(classify(coded(code))).toMatchObject({ retry: false, fault: { kind: 'internal' } });
      }),
    );
  });
});

test('a NUL and other control characters are written one way', () => {
  expect(printable('a\0b\u009f')).toBe('a\\x00b\\x9f');
  expect(storable('a\0b\ud800')).toBe('a\\x00b\ufffd');
  expect(storableJson({ a: ['\0'] })).toBe('{"a":["\\\\x00"]}');
});
