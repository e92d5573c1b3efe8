import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { guardMs, within } from './deadline.ts';
import { sharedTextName } from './text-writer.ts';

export interface StockClientOptions {
  /** Certificate authority to trust, PEM. */
  readonly ca?: string;
  readonly doc?: Y.Doc;
  /** In milliseconds; smaller than the provider's 2.5 s where a test restarts the server often. */
  readonly maxBackoffTime?: number;
  readonly connect?: boolean;
  readonly params?: Record<string, string>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: string[];
}

const probeType = 102;

/** The provider that people use, unchanged, in Node: y-websocket over `ws`, without BroadcastChannel. */
export class StockClient {
  readonly doc: Y.Doc;
  readonly provider: WebsocketProvider;
  readonly #probes = new Map<number, () => void>();
  readonly #clientId: number;
  #lastProbe = 0;

  /** `serverUrl` is the address up to and including `/sync`. */
  constructor(serverUrl: string, docName: string, options: StockClientOptions = {}) {
    this.doc = options.doc ?? new Y.Doc();
    this.#clientId = this.doc.clientID;
    this.provider = new WebsocketProvider(serverUrl, docName, this.doc, {
      WebSocketPolyfill: socketWith(options) as typeof globalThis.WebSocket,
      disableBc: true,
      connect: options.connect ?? true,
      params: options.params ?? {},
      protocols: options.protocols ?? [],
      ...(options.maxBackoffTime === undefined ? {} : { maxBackoffTime: options.maxBackoffTime }),
    });
    this.provider.messageHandlers[probeType] = (_encoder, decoder) => {
      const mark = decoding.readVarUint(decoding.createDecoder(decoding.readVarUint8Array(decoder)));
      this.#probes.get(mark)?.();
      this.#probes.delete(mark);
    };
  }

  get text(): Y.Text {
    return this.doc.getText(sharedTextName);
  }

  get content(): string {
    return this.text.toJSON();
  }

  get isConnected(): boolean {
    return this.provider.wsconnected;
  }

  /** Resolves when the provider says `synced`, at once if it already does. */
  synced(timeoutMs = guardMs): Promise<void> {
    if (this.provider.synced) return Promise.resolve();
    let listener: ((synced: boolean) => void) | undefined;
    const synced = new Promise<void>((resolve) => {
      listener = (state) => {
        if (state) resolve();
      };
      this.provider.on('sync', listener);
    });
    return within(timeoutMs, `synced of ${this.provider.url}`, synced).finally(() => {
      if (listener) this.provider.off('sync', listener);
    });
  }

  /** Resolves when the server says that what this client has sent so far is saved. Rejects if it is not connected. */
  async saved(timeoutMs = guardMs): Promise<void> {
    const mark = ++this.#lastProbe;
    const payload = encoding.encode((encoder) => encoding.writeVarUint(encoder, mark));
    const frame = encoding.encode((encoder) => {
      encoding.writeVarUint(encoder, probeType);
      encoding.writeVarUint8Array(encoder, payload);
    });
    const { ws } = this.provider;
    if (ws?.readyState !== WebSocket.OPEN) throw new Error('Not connected, so nothing can be saved');
    const answered = new Promise<void>((resolve) => this.#probes.set(mark, resolve));
    ws.send(frame);
    await within(timeoutMs, `the answer to the saved probe of ${this.provider.url}`, answered);
  }

  /** Resolves with the code and reason for which the provider has stopped for good. */
  stopped(timeoutMs = guardMs): Promise<{ code: number; reason: string }> {
    const stopped = new Promise<{ code: number; reason: string }>((resolve) => {
      this.provider.once('closed', resolve);
    });
    return within(timeoutMs, `the end of ${this.provider.roomname}`, stopped);
  }

  /** Resolves as soon as `holds` is true; looked at after every update of the document. */
  until(holds: () => boolean, what: string, timeoutMs = guardMs): Promise<void> {
    if (holds()) return Promise.resolve();
    let listener: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      listener = () => {
        if (holds()) resolve();
      };
      this.doc.on('update', listener);
    });
    return within(timeoutMs, what, held).finally(() => {
      if (listener) this.doc.off('update', listener);
    });
  }

  /** Resolves as soon as `holds` is true; looked at after every change of awareness. */
  untilAware(holds: () => boolean, what: string, timeoutMs = guardMs): Promise<void> {
    if (holds()) return Promise.resolve();
    const { awareness } = this.provider;
    let listener: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      listener = () => {
        if (holds()) resolve();
      };
      awareness.on('change', listener);
    });
    return within(timeoutMs, what, held).finally(() => {
      if (listener) awareness.off('change', listener);
    });
  }

  /**
   * Ends what a stock client does by the clock: it renews its presence every 15 s, drops people who do not, and reconnects after
   * 30 s without a message. What it sees from now on is the server's doing.
   */
  stopRenewing(): void {
    clearInterval(this.provider.awareness._checkInterval as NodeJS.Timeout);
    clearInterval(this.provider._checkInterval as NodeJS.Timeout);
  }

  /** Cuts the connection as a dying network does; the provider comes back by itself. */
  cut(): void {
    (this.provider.ws as unknown as WebSocket | null)?.terminate();
  }

  destroy(): void {
    // Yjs gives a document another client id if somebody else writes under its own; the provider then throws at the end.
    this.doc.clientID = this.#clientId;
    this.provider.destroy();
    this.provider.awareness.destroy();
    this.doc.destroy();
  }
}

/** The provider has no option for a certificate authority or for headers, so the class that it constructs brings them. */
function socketWith({ ca, headers }: StockClientOptions): unknown {
  if (ca === undefined && headers === undefined) return WebSocket;
  return class extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { ...(ca === undefined ? {} : { ca }), ...(headers === undefined ? {} : { headers }) });
    }
  };
}
