import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { guardMs, paced, within } from '../support/deadline.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { clientFrame } from '../support/raw-socket.ts';

const upgrade =
  'GET /sync/loris HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
/** The header of a TLS record with a ClientHello of 512 bytes, and the first 20 bytes. */
const halfHello = Buffer.concat([Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), Buffer.alloc(20, 7)]);
const halfHeader = upgrade.slice(0, 40);
const halfFrame = clientFrame(0x82, Uint8Array.of(0, 0), 1_000);
/** The time between two bytes of a client that sends its header byte by byte. */
const byteMs = 250;
const honestAtOnce = 8;

type Speech = (socket: Socket) => void;

/** The ways in which a connected client stalls. */
const speeches: readonly (readonly [what: string, speech: Speech])[] = [
  ['silence', () => {}],
  ['half a header', (socket) => socket.write(halfHeader)],
  ['a header byte by byte', sendByteByByte],
  ['an upgrade, then silence', (socket) => socket.write(upgrade)],
  ['half a frame', (socket) => socket.write(upgrade, () => socket.write(halfFrame))],
];

export interface LorisOptions {
  readonly attackers: number;
  readonly honest: number;
  readonly handshakeTimeoutS: number;
}

/**
 * Opens `attackers` connections that stop in each phase, on both ports, while `honest` clients connect, sync and leave.
 * Asserts I7 (the server closes each attacker, long before a server with a timeout three times as long would) and I6
 * (999 of 1,000 honest clients get through). On a machine that is too slow for the handshake timeout, the timeout is
 * longer.
 */
export async function holdOpen(t: TestContext, options: LorisOptions): Promise<void> {
  const trouble = await hold(t, options);
  if (trouble === null) return;
  t.diagnostic(`${trouble}, with ${options.handshakeTimeoutS} s for a handshake`);
  assert.equal(await hold(t, { ...options, handshakeTimeoutS: options.handshakeTimeoutS * 4 }), null);
}

/** Resolves with a failure that a slow machine may have caused; null if there was none. */
async function hold(t: TestContext, options: LorisOptions): Promise<string | null> {
  const { handshakeTimeoutS } = options;
  const start = (timeoutS: number): Promise<Quire> => Quire.start(t, { args: ['--handshake-timeout', `${timeoutS}s`] });
  const [quire, patient] = await Promise.all([start(handshakeTimeoutS), start(handshakeTimeoutS * 3)]);
  const slowestMs = new Map<string, number>();
  const attacks: Promise<void>[] = [];
  const phases = phasesOf(quire);
  for (let i = 0; i < options.attackers; i++) {
    const [what, dial] = phases[i % phases.length]!;
    let begunMs = Infinity;
    // Separate addresses, because the limits per address are tested elsewhere.
    const socket = dial(`127.0.${1 + (i % 16)}.${1 + (i % 200)}`, () => {
      begunMs = performance.now();
    });
    t.after(() => socket.destroy());
    const gone = new Promise<void>((resolve) => {
      socket.on('close', () => {
        slowestMs.set(what, Math.max(slowestMs.get(what) ?? 0, performance.now() - begunMs));
        resolve();
      });
    });
    attacks.push(gone);
    // Not all in one turn, because the kernel's queue of connections to accept is bounded.
    if (i % 50 === 49) await paced(5);
  }
  let ended = 0;
  for (const [, dial] of phasesOf(patient)) {
    const socket = dial('127.0.0.1', () => {}).once('close', () => ended++);
    t.after(() => socket.destroy());
  }
  const { failed, slowest } = await connectHonestly(quire, options.honest);
  await within(guardMs, 'the end of all attackers', Promise.all(attacks));
  const endedBefore = ended;
  for (const [what, ms] of slowestMs) t.diagnostic(`${what}: closed after ${ms.toFixed(0)} ms at most`);
  t.diagnostic(`${failed} of ${options.honest} honest connects failed; the slowest took ${slowest.toFixed(0)} ms`);
  if (failed > options.honest / 1_000) return `${failed} honest connects failed`;
  if (endedBefore > 0) return `${endedBefore} connections with three times as long were closed as early`;
  assert.equal(slowestMs.size, phases.length);
  const metrics = await metricsOf(quire);
  assert.equal(metrics.get('quire_connections'), 0, 'no connection is left');
  assert.ok((metrics.get('quire_connections_refused_total{error="not-live"}') ?? 0) > 0, 'counted (I8)');
  assert.ok((metrics.get('quire_tls_handshakes_failed_total') ?? 0) > 0, 'counted (I8)');
  return null;
}

type Phase = readonly [what: string, dial: (localAddress: string, begun: () => void) => Socket];

function phasesOf(quire: Quire): readonly Phase[] {
  const [plain, wss] = [new URL(quire.url), new URL(quire.wssUrl)].map(({ port }) => Number(port));
  const host = '127.0.0.1';
  const { ca } = quire;
  const tcp = (port: number, speech: Speech) => (localAddress: string, begun: () => void) => {
    const socket = connect({ port, host, localAddress });
    socket.once('connect', begun).once('connect', () => speech(socket));
    return quiet(socket);
  };
  const tls = (speech: Speech) => (localAddress: string, begun: () => void) => {
    const raw = connect({ port: wss!, host, localAddress });
    const socket = connectTls({ socket: raw, servername: 'localhost', ca });
    socket.once('secureConnect', begun).once('secureConnect', () => speech(socket));
    return quiet(socket);
  };
  return [
    ['TCP, then silence on the TLS port', tcp(wss!, () => {})],
    ['half a TLS hello', tcp(wss!, (socket) => socket.write(halfHello))],
    ...speeches.map(([what, speech]): Phase => [`TLS, then ${what}`, tls(speech)]),
    ...speeches.map(([what, speech]): Phase => [`plain, then ${what}`, tcp(plain!, speech)]),
  ];
}

/** Reads all input, and ignores errors. */
function quiet(socket: Socket): Socket {
  socket.on('error', () => {});
  return socket.resume();
}

function sendByteByByte(socket: Socket): void {
  let sent = 0;
  const timer = setInterval(() => socket.write(upgrade.charAt(sent++ % 60)), byteMs);
  socket.once('close', () => clearInterval(timer));
}

async function connectHonestly(quire: Quire, count: number): Promise<{ failed: number; slowest: number }> {
  let left = count;
  let failed = 0;
  let slowest = 0;
  const connectNext = async (): Promise<void> => {
    while (left-- > 0) {
      const sinceMs = performance.now();
      const localAddress = `127.1.${left % 50}.1`;
      const visit = async (): Promise<void> => {
        const client = await RawClient.open(`${quire.wssUrl}/honest-${left % 20}`, {
          ca: quire.ca,
          socket: { localAddress },
        });
        await client.sync();
        await client.saved();
        await client.close();
      };
      await within(guardMs, 'an honest visit', visit()).catch(() => {
        failed++;
      });
      slowest = Math.max(slowest, performance.now() - sinceMs);
    }
  };
  await Promise.all(Array.from({ length: honestAtOnce }, connectNext));
  return { failed, slowest };
}
