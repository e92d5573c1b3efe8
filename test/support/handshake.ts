import { once } from 'node:events';
import { isIP } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { guardMs, within } from './deadline.ts';
import type { Owner } from './owner.ts';

/**
 * Resolves with OpenSSL's error in a client that trusts only `ca` and connects to a server with this certificate under
 * `servername`, a name or an address. Null if the client trusts the server.
 */
export async function handshakeError(
  owner: Owner,
  credentials: { readonly cert: string; readonly key: string },
  servername: string,
  ca: string,
): Promise<string | null> {
  const server = createServer(credentials, (socket) => socket.end()).listen(0, '127.0.0.1');
  owner.after(() => {
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const name = isIP(servername) === 0 ? { servername } : {};
  const client = connect({ port, host: '127.0.0.1', ca, ...name });
  try {
    await within(guardMs, 'a handshake', once(client, 'secureConnect'));
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.destroy();
  }
}
