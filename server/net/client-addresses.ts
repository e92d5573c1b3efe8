import type { IncomingMessage } from 'node:http';
import type { BlockList, Socket } from 'node:net';
import { addressKeyOf, contains, isLoopbackAddress, readAddress } from '../limits/ip-address.ts';

/** Proxies in a row that are followed. A longer header is an attack. */
const maxHops = 16;

/** Finds the address of a client, also behind trusted proxies. */
export class ClientAddresses {
  /** The proxies whose `X-Forwarded-For` is trusted; null for none. */
  readonly #trusted: BlockList | null;
  readonly #untrustedHeader: (peer: string) => void;

  /** `untrustedHeader` is called with the address of each peer that sends the header without being trusted. */
  constructor(trusted: BlockList | null, untrustedHeader: (peer: string) => void) {
    this.#trusted = trusted;
    this.#untrustedHeader = untrustedHeader;
  }

  /**
   * The address of the peer. If that is a trusted proxy: the last address in `X-Forwarded-For` that is not one, because
   * a client can write any addresses before it. Empty if the socket is closed.
   */
  of({ socket, headers }: IncomingMessage): string {
    const peer = readAddress(socket.remoteAddress ?? '') ?? '';
    const header = headers['x-forwarded-for'];
    if (header === undefined) return peer;
    if (!this.#trusts(peer)) {
      this.#untrustedHeader(peer);
      return peer;
    }
    const hops = (Array.isArray(header) ? header.join() : header).split(',').slice(-maxHops);
    let address = peer;
    while (hops.length > 0 && this.#trusts(address)) {
      const hop = readHop(hops.pop()!);
      if (hop === null) break;
      address = hop;
    }
    return address;
  }

  /**
   * The key of an address in the limits per address. Null for addresses without such limits: this machine, and trusted
   * proxies that do not forward an address, because all of their users would share one limit.
   */
  keyOf(address: string): string | null {
    if (address === '' || isLoopbackAddress(address) || this.#trusts(address)) return null;
    return addressKeyOf(address);
  }

  /** The same for the peer of a socket, before there is a request. */
  keyOfPeer(socket: Socket): string | null {
    return this.keyOf(readAddress(socket.remoteAddress ?? '') ?? '');
  }

  #trusts(address: string): boolean {
    return this.#trusted !== null && contains(this.#trusted, address);
  }
}

/** Parses an address as proxies write it, with or without a port. Null if it is not an address, such as `unknown`. */
function readHop(text: string): string | null {
  const hop = text.trim();
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(hop) ?? [];
  const [, withPort] = /^([\d.]+):\d+$/.exec(hop) ?? [];
  return readAddress(bracketed ?? withPort ?? hop);
}
