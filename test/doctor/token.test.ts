/** Which peers the token of `--token` reaches, and in which way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeToken } from '../../server/cli/token.ts';
import { examine } from '../../server/doctor/doctor.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import type { TargetOptions } from '../../server/doctor/target.ts';
import { Authority } from '../support/authority.ts';
import { Disposer } from '../support/owner.ts';
import type { Owner } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { gateway, httpAnswer, passOn, tcpPeer, tlsFront, tlsPeer } from './peers.ts';
import { syncPeer } from './sync-peer.ts';
import { patientDeps } from './deps.ts';

const secret = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
const root = Authority.root();
const owner = new Disposer();
let quirePort: number;
let token: string;

before(async () => {
  const quire = await Quire.start(owner, { tls: 'off', env: secret, args: ['--ephemeral'] });
  quirePort = Number(new URL(quire.url).port);
  const documents = ['--document', 'notes/*', '--document', 'quire-doctor/*'];
  token = await makeToken(documents, secret, Date.now());
});
after(() => owner.dispose());

async function codes(url: string, options: TargetOptions): Promise<readonly string[]> {
  return (await examine(parseTarget(url, options), patientDeps)).findings.map(({ code }) => code);
}

/** Terminates TLS in front of a server. `sent` collects the bytes from clients. */
async function recorded(t: Owner, port: number): Promise<{ port: number; sent: () => string }> {
  const parts: Buffer[] = [];
  const front = await tlsFront(t, root.leaf(), port, { see: (part) => parts.push(part) });
  return { port: front, sent: () => Buffer.concat(parts).toString('latin1') };
}

/** The first line of each request. */
function requestLines(sent: string): readonly string[] {
  return sent.match(/^GET .* HTTP\/1\.1$/gm) ?? [];
}

test('Quire gets the token in the subprotocol, and no address of a request holds it', async (t) => {
  const front = await recorded(t, quirePort);
  assert.deepEqual(await codes(`wss://localhost:${front.port}/sync/notes/a`, { token, ca: root.cert }), []);
  assert.match(front.sent(), new RegExp(`^Sec-WebSocket-Protocol: quire, ?${token}\\r$`, 'im'));
  const lines = requestLines(front.sent());
  assert.ok(lines.length > 3);
  assert.deepEqual(
    lines.filter((line) => line.includes(token)),
    [],
  );
});

test('a token in the URL stays there, beside other parameters', async (t) => {
  const front = await recorded(t, quirePort);
  const url = `wss://localhost:${front.port}/sync/notes/a?key=a%2Fb&token=${token}&x`;
  assert.deepEqual(await codes(url, { ca: root.cert }), []);
  assert.doesNotMatch(front.sent(), /Sec-WebSocket-Protocol/i);
  assert.ok(requestLines(front.sent()).some((line) => line.includes(`/sync/notes/a?key=a%2Fb&x&token=${token} `)));
});

test('another server gets the token as a parameter, as the stock provider sends it', async (t) => {
  const front = await recorded(t, await syncPeer(t));
  assert.deepEqual(await codes(`wss://localhost:${front.port}/doc`, { token, ca: root.cert }), []);
  assert.ok(requestLines(front.sent()).some((line) => line.includes(`/doc?token=${token} `)));
});

test('a token that fits no subprotocol goes into the address', async (t) => {
  const front = await recorded(t, await syncPeer(t));
  assert.deepEqual(await codes(`wss://localhost:${front.port}/doc`, { token: 'a secret/of words', ca: root.cert }), []);
  assert.ok(requestLines(front.sent()).some((line) => line.includes('?token=a%20secret%2Fof%20words ')));
});

test('a peer that is not verified gets no request at all that names the document or the token', async (t) => {
  let sent = '';
  const port = await tlsPeer(t, Authority.root('Stranger').leaf(), (socket) => {
    socket.on('data', (data) => (sent += data.toString('latin1')));
  });
  const url = `wss://localhost:${port}/sync/notes/a`;
  assert.deepEqual(await codes(url, { token, ca: root.cert }), ['tls-private-authority']);
  assert.deepEqual(await codes(`${url}?token=${token}`, { ca: root.cert }), ['tls-private-authority']);
  assert.equal(sent, '');
});

test('a peer that changes its certificate after the examination of it gets no token either', async (t) => {
  let sent = '';
  let connections = 0;
  const good = await tlsFront(t, root.leaf(), quirePort);
  const bad = await tlsPeer(t, Authority.root('Stranger').leaf(), (socket) => {
    socket.on('data', (data) => (sent += data.toString('latin1')));
  });
  // One connection of the TCP stage, one of the TLS stage; all others meet the stranger.
  const port = await tcpPeer(t, (socket) => passOn(socket, connections++ < 2 ? good : bad));
  const found = await codes(`wss://localhost:${port}/sync/notes/a`, { token, ca: root.cert });
  assert.deepEqual(found, ['tls-private-authority']);
  assert.equal(sent, '');
});

test('a gateway that wants the token before it passes anything on gets it, and one that wants a key keeps it', async (t) => {
  const asks = await gateway(t, quirePort, (head) =>
    head.includes(`token=${token}`) && head.includes('key=1')
      ? { pass: head }
      : { answer: httpAnswer('401 Unauthorized') },
  );
  const url = `ws://127.0.0.1:${asks}/sync/notes/a?key=1`;
  assert.deepEqual(await codes(url, { token }), []);
  assert.deepEqual(await codes(url.replace('key=1', 'key=2'), { token }), ['upgrade-token-refused']);
});

test('a redirect that repeats the address does not print the token', async (t) => {
  const port = await gateway(t, quirePort, (head) => {
    const path = /^GET (\S+)/.exec(head)?.[1] ?? '';
    return { answer: httpAnswer('302 Found', [`Location: http://elsewhere.test${path}`]) };
  });
  const { findings } = await examine(parseTarget(`ws://127.0.0.1:${port}/sync/notes/a?token=${token}`), patientDeps);
  assert.equal(findings[0]?.code, 'upgrade-redirect');
  assert.doesNotMatch(JSON.stringify(findings), new RegExp(token.slice(0, 20)));
});
