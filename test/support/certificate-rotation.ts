import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { fileSource } from '../../server/tls/certificate-source.ts';
import { watchFolders } from '../../server/files/file-watch.ts';
import { ServedCertificates } from '../../server/tls/served-certificates.ts';
import type { Accept } from '../../server/net/upgrade.ts';
import { Authority } from './authority.ts';
import type { Pair } from './authority.ts';
import { guardMs, within } from './deadline.ts';
import { NetHarness } from './net-harness.ts';
import type { Owner } from './owner.ts';
import type { Random } from './random.ts';
import { Signal } from './signal.ts';

/** How many times faster the delays of the server pass. A bad pair is normally reported after 2 s. */
const haste = 60;
const sockets = 20;
const handshakers = 2;
const ping = Buffer.from('echo');

const echo: Accept = (connection) => {
  connection.established();
  return {
    message: (data) => connection.write(Uint8Array.of(0x82, data.length, ...data)),
    queuedBytes: 0,
    drained: () => {},
    closed: () => {},
  };
};

/**
 * Rotates certificates under load, in the ways that operators use. A third of the new certificates are bad. Fails if a
 * connection is dropped, if a handshake gets a bad certificate, or if a good certificate is never served.
 */
export async function rotate(owner: Owner, folder: string, rotations: number, random: Random): Promise<void> {
  const root = Authority.root();
  const intermediate = root.intermediate();
  const good = (): Pair => {
    const leaf = intermediate.leaf({ fetchable: true });
    return { cert: leaf.cert + intermediate.cert, key: leaf.key };
  };
  const bad: readonly (() => Pair)[] = [
    () => ({ ...good(), key: good().key }),
    () => ({ ...good(), cert: good().cert.slice(0, -40) }),
    () => ({ ...good(), cert: '' }),
    () => ({ ...good(), key: 'no key' }),
    () => intermediate.leaf({ fetchable: true }),
    () => root.leaf({ names: ['other.test'] }),
    () => root.leaf({ names: [] }),
    () => root.leaf({ fromMs: Date.now() - 2_000_000, toMs: Date.now() - 1_000_000 }),
    () => root.leaf({ fromMs: Date.now() + 1_000_000 }),
  ];

  const files = new RotatedFiles(folder, good());
  const settled = new Signal();
  const logger = pino({ level: 'info' }, { write: () => settled.notify() });
  const served = ServedCertificates.open([fileSource(files.certPath, files.keyPath)], {
    logger,
    now: Date.now,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs / haste);
      return () => clearTimeout(timer);
    },
    watch: watchFolders,
  });
  owner.after(() => served.stop());
  const net = await NetHarness.start(owner, { tls: true, accept: echo });
  net.listener.useCertificates(served.current);
  served.onChange((current) => net.listener.useCertificates(current));
  served.start();

  const load = new Load(net.port, root.cert);
  await load.start();
  const ways = ['link', 'rename', 'write', 'halves'] as const;
  for (let rotation = 0; rotation < rotations; rotation++) {
    const isBad = rotation % 3 === 2;
    const pair = isBad ? bad[Math.floor(rotation / 3) % bad.length]!() : good();
    const way = random.pick(ways);
    const { reloads, failures } = served;
    files.replace(pair, way);
    const what = (): string => `rotation ${rotation} (${isBad ? 'bad' : 'good'}, ${way})`;
    await within(
      guardMs,
      what,
      settled.until(() => (isBad ? served.failures > failures : served.reloads > reloads)),
    );
    if (!isBad) load.serves(pair.cert);
    const fingerprint = await load.handshake();
    assert.equal(fingerprint, load.current, what());
  }
  await load.end();
}

/**
 * How a pair of files is replaced: as in a mounted secret (a link to a folder), by renaming as certbot does, or by
 * writing.
 */
class RotatedFiles {
  readonly certPath: string;
  readonly keyPath: string;
  readonly #folder: string;
  #generation = 0;

  constructor(folder: string, first: Pair) {
    this.#folder = folder;
    this.certPath = join(folder, 'tls.crt');
    this.keyPath = join(folder, 'tls.key');
    symlinkSync('..data/tls.crt', this.certPath);
    symlinkSync('..data/tls.key', this.keyPath);
    this.replace(first, 'link');
  }

  replace({ cert, key }: Pair, way: 'link' | 'rename' | 'write' | 'halves'): void {
    const data = join(this.#folder, '..data');
    const write = (file: string, content: string): void => writeFileSync(join(data, file), content);
    switch (way) {
      case 'link': {
        const name = `..${++this.#generation}`;
        mkdirSync(join(this.#folder, name));
        writeFileSync(join(this.#folder, name, 'tls.crt'), cert);
        writeFileSync(join(this.#folder, name, 'tls.key'), key);
        symlinkSync(name, `${data}.tmp`);
        renameSync(`${data}.tmp`, data);
        rmSync(join(this.#folder, `..${this.#generation - 1}`), { recursive: true, force: true });
        return;
      }
      case 'rename':
        write('new.crt', cert);
        write('new.key', key);
        renameSync(join(data, 'new.key'), join(data, 'tls.key'));
        renameSync(join(data, 'new.crt'), join(data, 'tls.crt'));
        return;
      case 'write':
        write('tls.crt', cert);
        write('tls.key', key);
        return;
      case 'halves':
        write('tls.key', key);
        write('tls.crt', cert.slice(0, cert.length / 2));
        setImmediate(() => write('tls.crt', cert));
        return;
    }
  }
}

/** Keeps echo sockets and handshakes running. Fails if a socket is dropped or a handshake gets a bad certificate. */
class Load {
  current = '';
  readonly #port: number;
  readonly #ca: string;
  readonly #goodOnes = new Set<string>();
  readonly #webSockets: WebSocket[] = [];
  readonly #echoes: number[] = [];
  #ended = false;
  #dropped = 0;
  #failure: unknown = null;
  #loops: Promise<void>[] = [];

  constructor(port: number, ca: string) {
    this.#port = port;
    this.#ca = ca;
  }

  async start(): Promise<void> {
    this.current = await this.handshake();
    this.#goodOnes.add(this.current);
    for (let index = 0; index < sockets; index++) await this.#openSocket(index);
    this.#loops = Array.from({ length: handshakers }, () => this.#shakeHands());
  }

  serves(cert: string): void {
    this.current = new X509Certificate(cert).fingerprint256;
    this.#goodOnes.add(this.current);
  }

  /** Connects with full verification. Resolves with the fingerprint of the leaf. */
  async handshake(): Promise<string> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', servername: 'localhost', ca: this.#ca });
    try {
      await within(guardMs, 'a handshake', once(socket, 'secureConnect'));
      return socket.getPeerX509Certificate()!.fingerprint256;
    } finally {
      socket.destroy();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#loops);
    assert.equal(this.#failure, null);
    assert.equal(this.#dropped, 0, 'connections dropped');
    const before = [...this.#echoes];
    const alive = this.#webSockets.map((webSocket) => once(webSocket, 'message'));
    await within(guardMs, 'an echo on every socket', Promise.all(alive));
    assert.ok(this.#echoes.every((count, index) => count > before[index]!));
    for (const webSocket of this.#webSockets) webSocket.terminate();
  }

  async #openSocket(index: number): Promise<void> {
    const webSocket = new WebSocket(`wss://localhost:${this.#port}/sync/doc`, { ca: this.#ca });
    await once(webSocket, 'open');
    this.#echoes[index] = 0;
    webSocket.on('close', () => {
      if (!this.#ended) this.#dropped++;
    });
    webSocket.on('message', () => {
      this.#echoes[index]!++;
      setTimeout(() => webSocket.send(ping), 5);
    });
    webSocket.send(ping);
    this.#webSockets.push(webSocket);
  }

  async #shakeHands(): Promise<void> {
    while (!this.#ended && this.#failure === null) {
      try {
        await this.handshake();
      } catch (error) {
        this.#failure = error;
      }
    }
  }
}
