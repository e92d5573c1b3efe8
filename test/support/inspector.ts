import { WebSocket } from 'ws';
import { guardMs, within } from './deadline.ts';
import type { ServerProcess } from './server-process.ts';

export interface Heap {
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly rss: number;
}

/** Arguments for `node` with which an Inspector can be attached. */
export const inspectorArgs: readonly string[] = ['--inspect=127.0.0.1:0'];

interface Answer {
  readonly id: number;
  readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: { text: string } };
  readonly error?: { readonly message: string };
}

/** Inspects a running Node process without its cooperation: collects garbage, reads memory, measures its event loop. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  /** For a process that was started with `inspectorArgs`. */
  static async attach(server: ServerProcess): Promise<Inspector> {
    const url = await server.find((line) => /ws:\/\/127\.0\.0\.1:\d+\/\S+/.exec(line)?.[0], 'the inspector listens');
    const socket = new WebSocket(url);
    await within(
      guardMs,
      'the inspector',
      new Promise((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      }),
    );
    return new Inspector(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    // The server may be killed during a call.
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** Memory of the process after all garbage is collected, in bytes. */
  async heap(): Promise<Heap> {
    // The second round collects what the finalizers of the first round released.
    for (let round = 0; round < 2; round++) await this.#call('HeapProfiler.collectGarbage', {});
    return (await this.evaluate('process.memoryUsage()')) as Heap;
  }

  /** Timers, sockets and files that keep the event loop alive, by kind, without those of this inspector. */
  async activeResources(): Promise<Readonly<Record<string, number>>> {
    const names = (await this.evaluate('process.getActiveResourcesInfo()')) as string[];
    const counts: Record<string, number> = {};
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  }

  /** Starts to measure the event loop, in steps of 1 ms. Discards the measurement before. */
  async watchEventLoop(): Promise<void> {
    await this.evaluate(`(() => {
      globalThis.__loop?.disable();
      globalThis.__loop = process.getBuiltinModule('node:perf_hooks').monitorEventLoopDelay({ resolution: 1 });
      globalThis.__loop.enable();
      return true;
    })()`);
  }

  /** The longest time that the event loop was blocked since `watchEventLoop`, in milliseconds. */
  async longestStallMs(): Promise<number> {
    return ((await this.evaluate('globalThis.__loop.max')) as number) / 1e6;
  }

  /**
   * Resolves with the value of an expression, which is evaluated in a turn of its own. An inspector interrupts a thread
   * at any point, so an expression that clears a timer could clear it while Node runs it.
   */
  async evaluate(expression: string): Promise<unknown> {
    const inOwnTurn = `new Promise((resolve, reject) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        try {
          resolve((${expression}));
        } catch (error) {
          reject(error);
        }
      };
      port2.postMessage(null);
    })`;
    const { result } = await this.#call('Runtime.evaluate', {
      expression: inOwnTurn,
      awaitPromise: true,
      returnByValue: true,
    });
    if (result?.exceptionDetails) throw new Error(`In the server: ${result.exceptionDetails.text}: ${expression}`);
    return result?.result?.value;
  }

  close(): void {
    this.#socket.terminate();
  }

  async #call(method: string, params: object): Promise<Answer> {
    const id = ++this.#lastId;
    const answer = await within(
      guardMs,
      `the inspector's answer to ${method}`,
      new Promise<Answer>((resolve) => {
        this.#waiting.set(id, resolve);
        this.#socket.send(JSON.stringify({ id, method, params }));
      }),
    );
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }
}
