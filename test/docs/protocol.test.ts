/** docs/protocol.md: its byte sequences, and its tables of codes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import * as Y from 'yjs';
import { closeReason, refusalCodes } from '../../server/errors.ts';
import { encodeFrame } from '../support/frames.ts';
import { projectFolder } from '../support/lock-file.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { clientFrame } from '../support/raw-socket.ts';
import { opcode, WireSocket } from '../support/wire-socket.ts';

const page = readFileSync(join(projectFolder, 'docs/protocol.md'), 'utf8');
const fin = 0x80;

/** The numbers in the first cells of the table below a heading. */
function codesBelow(heading: string): number[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.matchAll(/^\| ([\d /]+)\|/gm);
  return Array.from(rows, ([, cell = '']) => cell.split('/').map(Number)).flat();
}

/** A SyncStep1 whose state vector has this many client ids, each with clock 1. */
function stateVectorOf(clients: number): Uint8Array {
  const stateVector = Y.encodeStateVector(new Map(Array.from({ length: clients }, (_, i) => [i + 1, 1])));
  return clientFrame(fin | opcode.binary, encodeFrame({ type: 'sync-step-1', stateVector }));
}

function message(...bytes: readonly number[]): Uint8Array {
  return clientFrame(fin | opcode.binary, Uint8Array.from(bytes));
}

test('the page on the protocol lists every close code of the server, and no other (I8)', () => {
  const ofRefusals = refusalCodes.map((code) => closeReason(code).code);
  // `ws` closes with 1007 for a close frame whose reason is not UTF-8.
  const expected = new Set([...ofRefusals, 1007]);
  assert.deepEqual(
    codesBelow('Close codes').toSorted((a, b) => a - b),
    [...expected].toSorted((a, b) => a - b),
  );
});

suite('the statements of the page on the protocol', () => {
  const owner = new Disposer();
  let quire: Quire;

  before(async () => {
    quire = await Quire.start(owner);
  });
  after(() => owner.dispose());

  test('the server sends SyncStep1 first, answers with SyncStep2, and returns a probe after the SyncStep2 of the client', async () => {
    const socket = await WireSocket.open(quire, 'bytes');
    const next = async (): Promise<number[]> => [...(await socket.next(opcode.binary)).payload];
    assert.deepEqual(await next(), [0, 0, 1, 0]);
    socket.send(message(102, 2, 7, 8), message(0, 0, 1, 0));
    assert.deepEqual(await next(), [0, 1, 2, 0, 0]);
    socket.send(message(3));
    assert.deepEqual(await next(), [1, 1, 0]);
    socket.send(message(0, 1, 2, 0, 0));
    assert.deepEqual(await next(), [102, 2, 7, 8]);
    socket.destroy();
  });

  const malformed: readonly (readonly [string, Uint8Array, string])[] = [
    ['a text frame', clientFrame(fin | opcode.text, Buffer.from('hello')), 'binary frames only'],
    ['an unknown message type', message(9), 'unknown message type 9'],
    ['a message of type 2', message(2, 0, 0), 'unknown message type 2'],
    ['data after a message', message(3, 0), 'bytes after the message'],
    ['an update that is not well-formed', message(0, 2, 1, 9), 'malformed update: truncated'],
    ['a state vector that is not well-formed', message(0, 0, 1, 9), 'malformed update: truncated'],
    ['a state vector with 40,001 client ids', stateVectorOf(40_001), 'malformed update: too-many-clients'],
    [
      'a presence clock above 2^31',
      message(1, 10, 1, 7, 0x81, 0x80, 0x80, 0x80, 0x08, 2, 0x7b, 0x7d),
      'a presence clock is too large',
    ],
    ['a probe of 1,025 bytes', message(102, 0x81, 0x08, ...new Uint8Array(1_025)), 'a probe is too large'],
  ];
  for (const [what, bytes, reason] of malformed) {
    test(`${what} closes the connection with 4400 and the reason "${reason}" (I6, I8)`, async () => {
      const socket = await WireSocket.open(quire, `malformed/${encodeURIComponent(what)}`);
      socket.send(bytes);
      const end = await socket.end();
      assert.deepEqual({ code: end.code, reason: end.reason }, { code: 4400, reason });
    });
  }

  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const refused: readonly (readonly [number, string, Readonly<Record<string, string>>])[] = [
    [400, '/sync/%ff', {}],
    [400, '/sync/doc', { 'Sec-WebSocket-Key': 'short' }],
    [403, '/sync/doc', { Origin: 'https://elsewhere.example' }],
    [404, '/elsewhere/doc', {}],
    [426, '/sync/doc', { 'Sec-WebSocket-Version': '8' }],
    [431, '/sync/doc', { 'X-Large': 'x'.repeat(16 * 1024) }],
  ];
  for (const [status, path, headers] of refused) {
    test(`an upgrade of ${path} with ${Object.keys(headers).join() || 'usual headers'} gets ${status} as JSON (I8)`, async () => {
      assert.ok(codesBelow('HTTP status codes').includes(status));
      const { statusCode, body } = await answerOf(path, { ...upgrade, ...headers });
      assert.equal(statusCode, status);
      const { error, reason } = JSON.parse(body) as { readonly error: unknown; readonly reason: unknown };
      assert.ok(typeof error === 'string' && typeof reason === 'string', body);
    });
  }

  /** Resolves with the HTTP response to an upgrade. */
  function answerOf(path: string, headers: Readonly<Record<string, string>>) {
    const { port } = new URL(quire.wssUrl);
    return new Promise<{ statusCode: number | undefined; body: string }>((resolve, reject) => {
      const request = get({ host: 'localhost', port, path, headers, ca: quire.ca }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.once('end', () => resolve({ statusCode: response.statusCode, body }));
      });
      request.once('error', reject);
    });
  }
});
