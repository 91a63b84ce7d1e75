import { describe, expect, it } from 'vitest';
import { redact } from '../../src/ui/redact.ts';

describe('redact', () => {
  it.each([
    ['found postgres://us:secret@host/db (see', 'found postgres://us:***@host/db (see'],
    ['postgres:/us:secret@h', 'postgres:/us:***@h'],
    ['postgres://us:se@cr/et@h:5432/db', 'postgres://us:***@h:5432/db'],
    ['ftp://us:secret@h/x and https://a:b@h', 'ftp://us:***@h/x and https://a:***@h'],
    ['postgres://h/db?user=u&password=secret&x=1', 'postgres://h/db?user=u&password=***&x=1'],
    ['https://h/a.zip?X-Amz-Signature=abc&X-Amz-Date=1', 'https://h/a.zip?X-Amz-Signature=***&X-Amz-Date=1'],
    ['s3://bucket/a:b@c', 's3://bucket/a:b@c'],
    ['https://host:443/a@b.zip', 'https://host:443/a@b.zip'],
    ['no such file or folder: a@b:c', 'no such file or folder: a@b:c'],
  ])('%s', (text, shown) => expect(redact(text)).toBe(shown));
});
