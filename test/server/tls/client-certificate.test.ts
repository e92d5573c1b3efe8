import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { subjectOf } from '../../../server/tls/client-certificate.ts';
import { sequence, tagged } from '../../../server/tls/der.ts';
import { extension } from '../../../server/tls/issue-certificate.ts';
import { TlsContexts } from '../../../server/tls/tls-contexts.ts';
import { Authority } from '../../support/authority.ts';
import { guardMs, within } from '../../support/deadline.ts';

const root = Authority.root();

function subject(commonName: string, ...names: [tag: number, name: string][]) {
  const values = names.map(([tag, name]) => tagged(tag, false, Buffer.from(name)));
  const extensions = values.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...values))];
  return subjectOf(new X509Certificate(root.leaf({ names: [], commonName, extensions }).cert));
}

test('the user is the first e-mail address, else the first URI, else the common name', () => {
  const [email, dns, uri] = [1, 2, 6];
  assert.deepEqual(
    subject('Ada', [dns, 'a.test'], [uri, 'spiffe://x/ada'], [email, 'ada@x.test'], [email, 'b@x.test']),
    {
      userId: 'ada@x.test',
      name: 'Ada',
    },
  );
  assert.equal(subject('Ada', [dns, 'a.test'], [uri, 'spiffe://x/ada']).userId, 'spiffe://x/ada');
  assert.equal(subject('Ada', [dns, 'a.test']).userId, 'Ada');
  assert.equal(subject('Ada').userId, 'Ada');
});

test('a name cannot count as two names, or as a name of another kind', () => {
  const [dns, uri] = [2, 6];
  assert.equal(subject('Eve', [dns, 'x, email:ada@x.test']).userId, 'Eve');
  assert.equal(subject('Eve', [uri, 'x:y, email:ada@x.test']).userId, 'x:y, email:ada@x.test');
  assert.equal(subject('Eve', [uri, 'x:"y", email:ada@x.test']).userId, 'x:"y", email:ada@x.test');
});

test('a common name is read unchanged, with any characters', () => {
  const names = [
    'Lovelace, Ada',
    'a+b',
    'a=b',
    'a;b',
    'a<b>c',
    '"Ada"',
    '\\',
    ' Ada',
    '#Ada',
    'Ada ',
    'a\nCN=b',
    'Zoë 漢 🎉',
  ];
  for (const name of names) assert.deepEqual(subject(name), { userId: name, name });
});

test('a common name in another ASN.1 encoding is read, and the first of several', () => {
  const { raw } = new X509Certificate(root.leaf({ names: [], commonName: '1234' }).cert);
  /** The signature does not matter here. Each replacement has the same length as the original. */
  const patched = (...replacements: readonly [string, string][]) => {
    const text = replacements.reduce((hex, [from, to]) => hex.replaceAll(from, to), raw.toString('hex'));
    return subjectOf(new X509Certificate(Buffer.from(text, 'hex')));
  };
  const value = `0c04${Buffer.from('1234').toString('hex')}`;
  assert.equal(patched([value, '1e0400e96f22']).name, 'é漢'); // BMPString
  assert.equal(patched([value, '1304412c2042']).name, 'A, B'); // PrintableString
  assert.equal(patched([value, '140441e92042']).name, 'Aé B'); // TeletexString
  // The unit 'test' becomes a common name before the other one.
  assert.deepEqual(patched(['060355040b', '0603550403']), { userId: 'test', name: 'test' });
});

test('an empty common name is not a user', () => {
  assert.deepEqual(subject(''), { userId: null, name: null });
});

test('an alternative name is read unchanged, with any characters', () => {
  for (const name of [
    'Lovelace, Ada@x.test',
    '"ada"@x.test',
    'a\\b@x.test',
    "a'b@x.test",
    ' a@x.test',
    'a+b=c@x.test',
  ]) {
    assert.equal(subject('Eve', [1, name]).userId, name);
  }
  assert.equal(subject('Eve', [1, ''], [1, 'ada@x.test']).userId, 'ada@x.test');
});

test('a TLS session is not resumed under other authorities, because the old ones verified its certificate', async (t) => {
  const [people, strangers] = [Authority.root('People'), Authority.root('Strangers')];
  const leaf = root.leaf();
  const contexts = new TlsContexts([leaf], people.cert);
  const server = createServer({ ...contexts.defaultOptions, requestCert: true, rejectUnauthorized: false }, (socket) =>
    socket.end(`${socket.authorized} ${socket.isSessionReused()}`),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const ada = people.leaf({ names: [], commonName: 'Ada' });
  let session: Buffer | undefined;
  const visit = async (): Promise<string> => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: root.cert,
      ...ada,
      ...(session && { session }),
    });
    socket.on('session', (ticket) => (session = ticket));
    return within(guardMs, 'an answer', readAll(socket));
  };
  assert.equal(await visit(), 'true false');
  assert.equal(await visit(), 'true true');
  contexts.replace([leaf], strangers.cert);
  server.setSecureContext(contexts.defaultOptions);
  assert.equal(await visit(), 'false false');
});

async function readAll(socket: TLSSocket): Promise<string> {
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}
