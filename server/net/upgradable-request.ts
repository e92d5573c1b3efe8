import { IncomingMessage } from 'node:http';

/**
 * A request that counts as an upgrade only if the client offers a WebSocket. With a listener, Node emits `upgrade` for
 * each protocol that a client offers. A client that offers HTTP/2 (`Upgrade: h2c`: curl --http2, Java's HttpClient)
 * expects a response over HTTP/1.1 from a server that ignores the offer (RFC 9110, 7.8). Node 24 has an option for
 * this, Node 20 does not.
 */
export class UpgradableRequest extends IncomingMessage {
  /** Set by the parser: the client offers an upgrade to any protocol, or the method is CONNECT. */
  declare offersUpgrade: boolean | null;

  /** Node's HTTP server sets this before the headers, and reads it after them. */
  get upgrade(): boolean {
    return this.offersUpgrade === true && (this.method === 'CONNECT' || this.#offersWebSocket);
  }

  set upgrade(value: boolean | null) {
    this.offersUpgrade = value;
  }

  /**
   * Whether the parser loses the next request of the same chunk. It stops after the body of a request that offers an
   * upgrade, and without the parser only the end of a header is known. So the connection must be closed after the
   * response.
   */
  get losesNextRequest(): boolean {
    const { offersUpgrade, headers } = this;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    return offersUpgrade === true && hasBody;
  }

  get #offersWebSocket(): boolean {
    return (this.headers.upgrade ?? '').split(',').some((protocol) => /^websocket(\/|$)/i.test(protocol.trim()));
  }
}
