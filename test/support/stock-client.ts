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
  /** In milliseconds. Below the provider's 2.5 s in tests that restart the server often. */
  readonly maxBackoffTime?: number;
  readonly connect?: boolean;
  readonly params?: Record<string, string>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: string[];
}

const probeType = 102;

/** The unchanged provider of y-websocket in Node, over `ws` and without BroadcastChannel. */
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

  /** Resolves when the provider is `synced`, immediately if it already is. */
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

  /** Resolves when the server confirms that everything sent so far is saved. Rejects if it is not connected. */
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

  /** Resolves with the close code and reason after which the provider has stopped for good. */
  stopped(timeoutMs = guardMs): Promise<{ code: number; reason: string }> {
    const stopped = new Promise<{ code: number; reason: string }>((resolve) => {
      this.provider.once('closed', resolve);
    });
    return within(timeoutMs, `the end of ${this.provider.roomname}`, stopped);
  }

  /** Resolves when `holds` returns true. Checked after every update of the document. */
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

  /** Resolves when `holds` returns true. Checked after every change of awareness. */
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
   * Stops the timers of a stock client, which renews its presence every 15 s, removes users who do not, and reconnects
   * after 30 s without a message. From now on every change that it sees comes from the server.
   */
  stopRenewing(): void {
    clearInterval(this.provider.awareness._checkInterval as NodeJS.Timeout);
    clearInterval(this.provider._checkInterval as NodeJS.Timeout);
  }

  /** Cuts the connection like a broken network. The provider reconnects by itself. */
  cut(): void {
    (this.provider.ws as unknown as WebSocket | null)?.terminate();
  }

  destroy(): void {
    // Yjs changes the client id of a document if another client writes under it. The provider then throws in `destroy`.
    this.doc.clientID = this.#clientId;
    this.provider.destroy();
    this.provider.awareness.destroy();
    this.doc.destroy();
  }
}

/** The provider has no option for a certificate authority or for headers, so the WebSocket class adds them. */
function socketWith({ ca, headers }: StockClientOptions): unknown {
  if (ca === undefined && headers === undefined) return WebSocket;
  return class extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { ...(ca === undefined ? {} : { ca }), ...(headers === undefined ? {} : { headers }) });
    }
  };
}
