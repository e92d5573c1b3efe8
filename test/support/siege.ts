import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import * as Y from 'yjs';
import { guardMs, paced, within } from './deadline.ts';
import { EventLoopWatch } from './event-loop-watch.ts';
import type { Frame } from './frames.ts';
import { emptyStateVector } from './frames.ts';
import { Inspector, inspectorArgs } from './inspector.ts';
import { metricsOf } from './metrics.ts';
import type { Owner } from './owner.ts';
import { Quire } from './quire.ts';
import { mainThreadCpuMs } from './main-thread-cpu.ts';
import { RawClient } from './raw-client.ts';
import type { Closed, RawClientOptions } from './raw-client.ts';
import { assertTook } from './slowness.ts';
import { sharedTextName, TextWriter } from './text-writer.ts';

/** I6: the longest that any input may block the event loop. */
const maxStallMs = 50;
/** Median CPU time of the server between an edit of the bystander and its "saved", in milliseconds. */
const maxMedianWorkMs = 50;
/** Fewer edits than this have no meaningful median. */
const minWaits = 20;
/** The pause between two edits of the bystander, who types and does not flood. */
const bystanderPauseMs = 5;

/** The effect of an attack on the server and on a bystander in another document. */
export interface Effect {
  /** CPU time of all threads, in milliseconds. The kernel counts in steps of 10 ms. */
  readonly cpuMs: number;
  /** Memory after all garbage was collected, in bytes. */
  readonly grownBytes: number;
  /** The longest time that the server itself blocked its event loop. */
  readonly stallMs: number;
  /**
   * The times from an edit in another document to "saved", in milliseconds on the clock. They depend on other
   * processes.
   */
  readonly medianMs: number;
  readonly slowestMs: number;
  /** The CPU time of the server's main thread in the same intervals. */
  readonly medianWorkMs: number;
  /** The number of measurements. */
  readonly waits: number;
}

let addressesUsed = 0;

/** An address that was not used before, because repeated closes are delayed by address. */
function nextAddress(): string {
  addressesUsed++;
  return `10.${addressesUsed >>> 16}.${(addressesUsed >>> 8) & 255}.${addressesUsed & 255}`;
}

/** A server under attack, while a bystander types in another document and must not be affected. */
export class Siege {
  readonly quire: Quire;
  readonly #inspector: Inspector;
  #bystanders = 0;

  static async start(owner: Owner): Promise<Siege> {
    const quire = await Quire.start(owner, {
      tls: 'off',
      nodeArgs: inspectorArgs,
      // Documents are evicted soon, and therefore folded soon.
      args: ['--log-level', 'warn', '--idle-room-timeout', '100ms', '--trusted-proxies', '127.0.0.1'],
    });
    const inspector = await Inspector.attach(quire.process);
    owner.after(() => inspector.close());
    const siege = new Siege(quire, inspector);
    // The cost of compiling and of first allocations is not the attack's.
    await siege.#besiege('warm-up', async () => {
      const client = await siege.attacker('warm-up');
      for (let i = 0; i < 50; i++) await client.saved();
      client.terminate();
    });
    return siege;
  }

  private constructor(quire: Quire, inspector: Inspector) {
    this.quire = quire;
    this.#inspector = inspector;
  }

  /** Resolves with a client that can send anything, when the server reads from it. */
  async attacker(docName: string, options: RawClientOptions = {}): Promise<RawClient> {
    const socket = { ...options.socket, headers: { 'X-Forwarded-For': nextAddress(), ...options.socket?.headers } };
    const attacker = await RawClient.open(`${this.quire.url}/${docName}`, { ...options, socket });
    // The first message of a live session. Messages that were sent before it wait.
    if (!options.onFrame) await attacker.next('sync-step-1');
    return attacker;
  }

  /** Connects an attacker and sends these messages in order. Resolves with the close of the server. */
  async closing(docName: string, ...messages: readonly (Frame | Uint8Array)[]): Promise<Closed> {
    const attacker = await this.attacker(docName);
    for (const message of messages) {
      if (message instanceof Uint8Array) attacker.sendBytes(message);
      else attacker.send(message);
    }
    return within(guardMs, 'the attacker is closed', attacker.closed);
  }

  /** Resolves with the document that a new client receives. Rejects if Yjs cannot apply it. */
  async read(docName: string): Promise<Y.Doc> {
    const doc = new Y.Doc();
    const reader = await RawClient.open(`${this.quire.url}/${docName}`);
    for (const update of await reader.sync(emptyStateVector)) Y.applyUpdate(doc, update);
    reader.terminate();
    return doc;
  }

  /** Stops the server and starts it on the same data. After that no attack can be measured. */
  async restart(): Promise<void> {
    // A process with an attached inspector does not end.
    this.#inspector.close();
    assert.deepEqual(await this.quire.process.stop(), { code: 0, signal: null });
    await this.quire.restart();
  }

  /** Resolves when the server has ended a session with this error code. */
  async ended(error: string): Promise<void> {
    const done = async (): Promise<void> => {
      while (!(await this.metrics()).has(`quire_sessions_ended_total{error="${error}"}`)) await paced(20);
    };
    await within(guardMs, `the end of a session: ${error}`, done());
  }

  /** Resolves when no document is in memory, so that the next client gets what is stored. */
  async unloaded(): Promise<void> {
    const done = async (): Promise<void> => {
      while ((await this.metrics()).get('quire_rooms') !== 0) await paced(50);
    };
    await within(guardMs, 'every document is let go', done());
  }

  /** Resolves when this many compactions have succeeded since the start. Rejects if one fails. */
  async folded(count: number): Promise<void> {
    let folded = 0;
    const done = async (): Promise<void> => {
      for (;;) {
        const metrics = await this.metrics();
        assert.equal(metrics.get('quire_compactions_failed_total'), 0);
        folded = metrics.get('quire_compactions_total') ?? 0;
        if (folded >= count) return;
        await paced(50);
      }
    };
    await within(guardMs, () => `${count - folded} compactions`, done());
  }

  async metrics(): Promise<ReadonlyMap<string, number>> {
    return metricsOf(this.quire);
  }

  /**
   * Runs an attack, resolves with its effect, and asserts I6: the server is the same process, its event loop was not
   * blocked, and a client in another document has everything that the bystander typed, without a delay.
   */
  async attack(t: TestContext, attack: () => Promise<void>): Promise<Effect> {
    const effect = await this.#besiege(`bystander-${++this.#bystanders}`, attack);
    const { cpuMs, grownBytes, stallMs, medianMs, slowestMs, medianWorkMs, waits } = effect;
    t.diagnostic(
      `${cpuMs.toFixed(0)} ms CPU, ${(grownBytes / 1e6).toFixed(1)} MB, stall ${stallMs.toFixed(1)} ms; ` +
        `others waited ${medianMs.toFixed(1)} ms (${medianWorkMs.toFixed(1)} ms of work), ${slowestMs.toFixed(1)} ms at most`,
    );
    assert.ok(this.quire.process.isRunning, this.quire.process.output);
    assertTook(stallMs, maxStallMs, 'the event loop stood still for');
    if (waits >= minWaits)
      assertTook(medianWorkMs, maxMedianWorkMs, 'before others were served, the server worked for');
    return effect;
  }

  async #besiege(docName: string, attack: () => Promise<void>): Promise<Effect> {
    const bystander = await Bystander.open(`${this.quire.url}/${docName}`, this.quire.process.pid);
    const before = await this.#inspector.heap();
    const watch = new EventLoopWatch(this.#inspector);
    await watch.begin();
    const { cpuMicros } = this.quire.process.usage();
    const typing = bystander.type();
    try {
      await attack();
    } finally {
      await bystander.stop(typing);
    }
    const cpuMs = (this.quire.process.usage().cpuMicros - cpuMicros) / 1000;
    const stallMs = await watch.end();
    const after = await this.#inspector.heap();
    const doc = await this.read(docName);
    assert.equal(doc.getText(sharedTextName).length, bystander.typed, 'the bystander lost something');
    return {
      cpuMs,
      grownBytes: after.heapUsed + after.external - before.heapUsed - before.external,
      stallMs,
      ...bystander.waits(),
    };
  }
}

/** A client that types in a document and waits for "saved" after each character. */
class Bystander {
  readonly #client: RawClient;
  readonly #writer = new TextWriter(1);
  readonly #serverPid: number;
  readonly #waitsMs: number[] = [];
  readonly #worksMs: number[] = [];
  #stopped = false;

  static async open(url: string, serverPid: number): Promise<Bystander> {
    const client = await RawClient.open(url);
    await client.sync();
    return new Bystander(client, serverPid);
  }

  private constructor(client: RawClient, serverPid: number) {
    this.#client = client;
    this.#serverPid = serverPid;
  }

  get typed(): number {
    return this.#writer.clock;
  }

  /** Resolves after `stop`; rejects when an edit is not saved in time. */
  async type(): Promise<void> {
    while (!this.#stopped) {
      const sinceMs = performance.now();
      const workedMs = mainThreadCpuMs(this.#serverPid) ?? 0;
      this.#client.edit(this.#writer.type('x'));
      await this.#client.saved();
      this.#waitsMs.push(performance.now() - sinceMs);
      this.#worksMs.push((mainThreadCpuMs(this.#serverPid) ?? 0) - workedMs);
      await paced(bystanderPauseMs);
    }
  }

  async stop(typing: Promise<void>): Promise<void> {
    this.#stopped = true;
    await typing;
    this.#client.terminate();
  }

  waits(): Pick<Effect, 'medianMs' | 'slowestMs' | 'medianWorkMs' | 'waits'> {
    return {
      medianMs: median(this.#waitsMs),
      slowestMs: Math.max(...this.#waitsMs),
      medianWorkMs: median(this.#worksMs),
      waits: this.#waitsMs.length,
    };
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1] ?? NaN;
}
