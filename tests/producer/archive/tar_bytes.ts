/** A tar of these files, without the program. */
export function tarBytes(files: readonly { readonly name: string; readonly data: Buffer }[]): Buffer {
  return Buffer.concat([...files.flatMap(({ name, data }) => entryOf(name, data)), Buffer.alloc(1024)]);
}

function entryOf(name: string, data: Buffer): Buffer[] {
  const head = Buffer.alloc(512);
  head.write(name);
  head.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
  head.write('        0ustar', 148);
  const sum = head.reduce((all, byte) => all + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [head, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
}
