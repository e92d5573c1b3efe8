import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Owner } from './owner.ts';

export interface JsonReply {
  readonly status?: number;
  readonly body?: unknown;
}

/** An HTTP server on loopback in the role of an application or of a publisher of keys. */
export class JsonServer {
  readonly url: URL;
  /** The bodies of the requests in order, null for a GET. */
  readonly requests: unknown[] = [];
  /** The response. A test may change it. */
  reply: (body: unknown) => JsonReply | Promise<JsonReply> = () => ({ status: 500 });
  /** Closes the connection without a response. */
  isDown = false;
  /** Answers 101 Switching Protocols, although the client did not ask for it. */
  switchesProtocols = false;

  static async start(owner: Owner): Promise<JsonServer> {
    let handler: JsonServer | null = null;
    const server = createServer((request, response) => void handler?.answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    owner.after(() => {
      server.closeAllConnections();
      server.close();
    });
    handler = new JsonServer((server.address() as AddressInfo).port);
    return handler;
  }

  private constructor(port: number) {
    this.url = new URL(`http://127.0.0.1:${port}/`);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isDown) {
      request.socket.destroy();
      return;
    }
    if (this.switchesProtocols) {
      response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'other' }).end();
      return;
    }
    const posted = request.method === 'POST' ? await json(request) : null;
    this.requests.push(posted);
    const { status = 200, body = {} } = await this.reply(posted);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
