import { createHash } from 'node:crypto';
import { createServer as createHttpServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import type { Owner } from '../support/owner.ts';

/** Where a peer listens. */
export interface Place {
  readonly host?: string;
  /** A free port by default. */
  readonly port?: number;
}

/** Listens, by default on 127.0.0.1 and a free port. The server and its connections are closed when the owner ends. */
export async function listen(
  owner: Owner,
  server: Server,
  { host = '127.0.0.1', port = 0 }: Place = {},
): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(port, host);
  await once(server, 'listening');
  owner.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A peer that calls `handle` with every connection. */
export function tcpPeer(owner: Owner, handle: (socket: Socket) => void, place: Place = {}): Promise<number> {
  return listen(owner, createServer(handle), place);
}

/** A peer that answers the first bytes of a client with these bytes. */
export function answering(owner: Owner, bytes: string | Uint8Array, place: Place = {}): Promise<number> {
  return tcpPeer(owner, (socket) => socket.once('data', () => socket.end(bytes)), place);
}

/** An HTTP answer. */
export function httpAnswer(status: string, headers: readonly string[] = [], body = ''): string {
  const lines = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** A peer that answers each upgrade with 101 and these headers. `ACCEPT` is replaced by the right key. */
export function switching(owner: Owner, ...headers: readonly string[]): Promise<number> {
  return tcpPeer(owner, (socket) => {
    socket.once('data', (data) => {
      const key = /^sec-websocket-key: (.*)$/im.exec(data.toString())?.[1] ?? '';
      const accept = createHash('sha1').update(`${key.trim()}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`.replace('ACCEPT', accept));
    });
  });
}

export function tlsPeer(
  owner: Owner,
  options: TlsOptions,
  handle: (socket: Socket) => void = () => {},
  place: Place = {},
): Promise<number> {
  const server = createTlsServer(options, (socket) => {
    socket.on('error', () => {});
    handle(socket);
  });
  return listen(owner, server, place);
}

/** Terminates TLS in front of a plain server, like a proxy. `see` gets the bytes from clients. */
export function tlsFront(
  owner: Owner,
  options: TlsOptions,
  port: number,
  { see = () => {}, ...place }: Place & { readonly see?: (sent: Buffer) => void } = {},
): Promise<number> {
  const pass = (socket: Socket): void => {
    socket.on('data', see);
    passOn(socket, port);
  };
  return tlsPeer(owner, options, pass, place);
}

/** Forwards a socket to a server on 127.0.0.1. */
export function passOn(socket: Socket, port: number): void {
  const behind = connect(port, '127.0.0.1');
  behind.on('error', () => socket.destroy());
  behind.on('close', () => socket.destroy());
  socket.on('close', () => behind.destroy());
  socket.pipe(behind).pipe(socket);
}

/** A proxy that decides for the head of each request: it forwards a head, answers, or does nothing. */
export function gateway(
  owner: Owner,
  port: number,
  decide: (head: string) => { readonly pass: string } | { readonly answer: string } | null,
): Promise<number> {
  return tcpPeer(owner, (socket) => {
    socket.once('data', (data) => {
      const decision = decide(data.toString('latin1'));
      if (decision === null) return;
      if ('answer' in decision) {
        socket.end(decision.answer);
        return;
      }
      socket.unshift(Buffer.from(decision.pass, 'latin1'));
      passOn(socket, port);
    });
  });
}

/** A proxy that forwards this many requests, and then answers or does nothing. */
export function passing(
  owner: Owner,
  port: number,
  requests: number,
  then: { readonly answer: string } | null,
): Promise<number> {
  let count = 0;
  return gateway(owner, port, (head) => (count++ < requests ? { pass: head } : then));
}

/** A proxy that forwards requests with changed headers. Without the header `upgrade`, WebSockets do not work. */
export function headerProxy(
  owner: Owner,
  port: number,
  change: (headers: IncomingMessage['headers']) => void,
): Promise<number> {
  const server = createHttpServer((incoming, outgoing) => pass(incoming, outgoing));
  const pass = (incoming: IncomingMessage, outgoing: { writeHead: unknown; end: unknown } | Socket): void => {
    const headers = { ...incoming.headers };
    change(headers);
    const passed = request(
      { host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers },
      (answer) => {
        const socket = incoming.socket;
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('end', () => socket.end(httpAnswer(`${answer.statusCode} x`, [], body)));
      },
    );
    passed.on('error', () => (outgoing as Socket).destroy());
    passed.end();
  };
  server.on('upgrade', (incoming, socket) => pass(incoming, socket as Socket));
  return listen(owner, server);
}
