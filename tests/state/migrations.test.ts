import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/state/migrations/migrations.ts';

/** SHA-256 of each step's SQL. A line is added with its step, and none ever changes. */
const DIGESTS: readonly string[] = [
  'e7d9ab39bb58dd114944d1ed185703a203f89a83433bc256eadb2a4c1c395525',
  'd3c86f10b6d38b60d3ac5dc172dcb8381904d40ce202909c1a54e7ef11a2ae98',
  'ef8ed5227170bc080cf582bd99eb9b69b72859b3c5aca592458a257624294a65',
  'dc968e872d6363d7b55880f94cd320e5005962577752d34e19a9046c54d4740c',
  '247374a9839ecf25263878ac42ec2f2c42af5829559b2aa479ba2728d80e24e3',
  '85605f87b687dfd83f07940fb47c57f8fea777812b7cbfa3c4944272eaf8f8de',
  'e6dc6a876af945d039dc72f4334099889ea4d6386fc37cc66cac92fd66e20c70',
  '677459a88e484216ff506a2d5e1abccc68b6982e95f9ae1d373dea575363d4fe',
  '33daad64099a233baa0e33d1565d0616b3c9f64eeb7473c7bb1c7bea3c21d969',
  'f47ea4459c0dfbf6e9e3b996645b64f9c5360fd63dbe3e05029ee3c45db31849',
  'da839cf1ce28822c97d662f192df2f9457bdfb4aa39d8c6924e9f00eebde2eaf',
  '9d7dcd1ea216d2566f3674c99f6d9a7de57a6ff2d9969365ff0a6f13f7e8d21e',
  '2286890bb3bbca97c9fb093f6dde7569c81cae53e3c70b8087e85038f5d3c65a',
  '976dfa9e2abcb02021a4ea9350f20ed523bf557a9f23f80cb7f97d21f84c8d53',
  '535efcac1f290580c8cc1cf859da7bfa6ae07cac1dd8a6930b20f70d94d3d4fa',
  '5c68952d720b4168d9fed1b85d22a59d67890318a3a67cae5717d7a337dce822',
  'ef9a6a14dd64180c19257d8c6e71f20603301ca90814b5b97b338382d8c96ce4',
  'e4e400c59ef300ee90222275baedf19025889c1a7fb3bc09547dd708ad86e243',
  'b6dacffb88238d044837bb3a879d5766b2c627b5b45eedfeca8bc6aff9dc199a',
  'c519ec5375177351ac12f8a350daca07c466aca904ed97e7f5db5521d358b465',
  '9ba5dfd68dfc675d25c0e606d820178ed9bb7a2e20b5e3322099cbd9c708401a',
  '188b44ae840eabb6196b7a570be5db05841f12a742a2976b398c611d285aa8c3',
  'f76c6d13232d085269fa5037c89d00ea3ba79a3539bf44bc819736e2be307b31',
  'aa9d68797711073a0f02f34ca8368864f8240d2acbf21d79ecd15edbf3d6690b',
  'b3fc56f4919db97a439c359aad372bf3ba39e6cf33a6965b2211c3007038848b',
  '8ea2503ef990dc91764d582f124e0ba3883bf94aca7b1529ce6a00360c2a815f',
  'bf52c21969d8f368372764db3e914fca09ed495da0372254366479d5111275d0',
];

const digest = (sql: string): string => createHash('sha256').update(sql).digest('hex');

test('every step is, byte for byte, the text that was released', () => {
  expect(MIGRATIONS.map(({ sql }) => digest(sql))).toEqual(DIGESTS);
});

test('steps are numbered from 1 without a hole, each by its file', () => {
  expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, n) => n + 1));
  const files = readdirSync('src/state/migrations').filter((name) => /^\d/.test(name));
  expect(files.toSorted().map((name) => Number(name.slice(0, 4)))).toEqual(MIGRATIONS.map((_, n) => n + 1));
});

test('steps are literal: nothing of the program is in their text', () => {
  for (const name of readdirSync('src/state/migrations').filter((file) => /^\d/.test(file))) {
    const text = readFileSync(`src/state/migrations/${name}`, 'utf8');
    expect(text.match(/^import .*|\$\{.*/gm), name).toBeNull();
  }
});
