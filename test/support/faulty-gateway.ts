import type { IncomingHttpHeaders } from 'node:http';
import { createServer, request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { Authority } from './authority.ts';
import type { Owner } from './owner.ts';

export interface GatewayRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * What happens to a request: null forwards it; it can also be answered here, have its real answer rewritten, or be cut.
 */
export type Fault = null | 'cut' | GatewayAnswer | { readonly rewrite: (body: string) => string };

/** A proxy in front of an ACME authority that injects the faults of a test. */
export class FaultyGateway {
  readonly requests: GatewayRequest[] = [];
  /** Called for each request. */
  fault: (request: GatewayRequest) => Fault = () => null;
  readonly directoryUrl: URL;
  /** The root certificate of this proxy, PEM. */
  readonly ca: string;

  static async start(owner: Owner, behind: URL, ca: string): Promise<FaultyGateway> {
    let gateway: FaultyGateway | null = null;
    const root = Authority.root('Root of the gateway');
    const server = createServer(root.leaf(), (request, response) => {
      void (async () => {
        const body = (await buffer(request)).toString();
        const { method = 'GET', url: path = '/', headers } = request;
        const asked = { method, path, headers, body };
        gateway!.requests.push(asked);
        const fault = gateway!.fault(asked);
        if (fault === 'cut') {
          request.socket.destroy();
          return;
        }
        if (fault !== null && 'status' in fault) {
          response.writeHead(fault.status, fault.headers).end(fault.body);
          return;
        }
        // The Host header is kept, so that the authority writes URLs that lead here.
        const forwarded = { ...headers, connection: 'close' };
        const target = new URL(path, behind);
        const passed = requestHttps(target, { method, headers: forwarded, ca, servername: 'localhost' }, (answer) => {
          void buffer(answer).then((bytes) => {
            const text = fault === null ? bytes : Buffer.from(fault.rewrite(bytes.toString()));
            const { 'transfer-encoding': _, ...kept } = answer.headers;
            kept['content-length'] = String(text.length);
            response.writeHead(answer.statusCode ?? 500, kept).end(method === 'HEAD' ? undefined : text);
          });
        });
        passed.on('error', () => request.socket.destroy());
        passed.end(body);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    owner.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    gateway = new FaultyGateway(new URL(`https://localhost:${port}${behind.pathname}`), root.cert);
    return gateway;
  }

  private constructor(directoryUrl: URL, ca: string) {
    this.directoryUrl = directoryUrl;
    this.ca = ca;
  }
}
