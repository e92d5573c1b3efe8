import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Authority, writePair } from './authority.ts';
import { within } from './deadline.ts';
import { freePort } from './free-port.ts';
import type { Owner } from './owner.ts';
import { tempFolder } from './temp-folder.ts';

export interface PebbleOptions {
  /** The ports of the server under test, where Pebble looks for answers to challenges. */
  readonly tlsPort: number;
  readonly httpPort: number;
  /** How many of 100 valid nonces are rejected. */
  readonly rejectedNonces?: number;
}

/**
 * Pebble, Let's Encrypt's ACME authority for tests, with a name server that resolves every name to 127.0.0.1, except
 * names that begin with `missing`.
 */
export class Pebble {
  /** `https`. */
  readonly directoryUrl: URL;
  /** The root certificate of the directory URL, PEM, and its file. */
  readonly ca: string;
  readonly caPath: string;
  readonly #managementPort: number;

  /** Resolves when it listens. Stopped when its owner ends. */
  static async start(owner: Owner, { tlsPort, httpPort, rejectedNonces = 0 }: PebbleOptions): Promise<Pebble> {
    const folder = tempFolder(owner);
    const ca = Authority.root('Root of the directory');
    const { certPath, keyPath } = writePair(folder, 'directory', ca.leaf());
    const [port, managementPort, dnsPort] = [await freePort(), await freePort(), await nameServer(owner)];
    const config = {
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: certPath,
        privateKey: keyPath,
        tlsPort,
        httpPort,
      },
    };
    const configPath = join(folder, 'pebble.json');
    writeFileSync(configPath, JSON.stringify(config));
    const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: String(rejectedNonces) };
    const child = spawn('pebble', ['-config', configPath, '-dnsserver', `127.0.0.1:${dnsPort}`, '-strict'], { env });
    owner.after(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    const lines: string[] = [];
    const listening = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on('line', (line) => {
          lines.push(line);
          // The second of its two servers.
          if (line.includes('Listening on')) resolve();
        });
      }
      child.on('exit', () => reject(new Error(`pebble ended:\n${lines.join('\n')}`)));
    });
    await within(30_000, () => `pebble listening:\n${lines.join('\n')}`, listening);
    const caPath = join(folder, 'directory-ca.pem');
    writeFileSync(caPath, ca.cert);
    return new Pebble(port, managementPort, ca.cert, caPath);
  }

  private constructor(port: number, managementPort: number, ca: string, caPath: string) {
    this.directoryUrl = new URL(`https://localhost:${port}/dir`);
    this.#managementPort = managementPort;
    this.ca = ca;
    this.caPath = caPath;
  }

  /** The root of the certificates that it issues, PEM. A new one at each start. */
  root(): Promise<string> {
    return new Promise((resolve, reject) => {
      const url = `https://localhost:${this.#managementPort}/roots/0`;
      get(url, { ca: this.ca }, (response) => void text(response).then(resolve, reject)).on('error', reject);
    });
  }
}

/** Resolves with its port. */
async function nameServer(owner: Owner): Promise<number> {
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => server.send(answerTo(query), port, address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(() => void server.close());
  return server.address().port;
}

const typeA = 1;

/** RFC 1035, 4.1: the header, the question, and the address if the question asks for it. */
function answerTo(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const question = query.subarray(12, end);
  const missing = question.subarray(1).toString('latin1').startsWith('missing');
  const found = !missing && question.readUInt16BE(question.length - 4) === typeA;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(missing ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  header.fill(0, 8);
  const address = Buffer.from([0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat(found ? [header, question, address] : [header, question]);
}
