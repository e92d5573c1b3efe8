import type { IncomingMessage } from 'node:http';
import type { BlockList, Socket } from 'node:net';
import { addressKeyOf, contains, isLoopbackAddress, readAddress } from '../limits/ip-address.ts';

/** Proxies one behind the other. More are none, but somebody who writes long headers. */
const maxHops = 16;

/** Tells who is at the other end, also through proxies that are trusted to say so. */
export class ClientAddresses {
  /** Whose `X-Forwarded-For` is believed; null for nobody's. */
  readonly #trusted: BlockList | null;
  readonly #untrustedHeader: (peer: string) => void;

  /** `untrustedHeader` is told of peers that send the header and are not trusted. */
  constructor(trusted: BlockList | null, untrustedHeader: (peer: string) => void) {
    this.#trusted = trusted;
    this.#untrustedHeader = untrustedHeader;
  }

  /**
   * The other end of the socket, or if that is a trusted proxy, the last address in `X-Forwarded-For` that is not one: what
   * stands before it anybody may have written. Empty if the socket is gone.
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
   * Whom an address stands for in limits by address. Null for those that are not limited by it: this machine, and trusted
   * proxies that do not say for whom they ask, or all of their users would be one.
   */
  keyOf(address: string): string | null {
    if (address === '' || isLoopbackAddress(address) || this.#trusts(address)) return null;
    return addressKeyOf(address);
  }

  /** The same for the other end of a socket, when there is no request yet. */
  keyOfPeer(socket: Socket): string | null {
    return this.keyOf(readAddress(socket.remoteAddress ?? '') ?? '');
  }

  #trusts(address: string): boolean {
    return this.#trusted !== null && contains(this.#trusted, address);
  }
}

/** An address as proxies write it, with or without a port. Null if it is none: `unknown`, say. */
function readHop(text: string): string | null {
  const hop = text.trim();
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(hop) ?? [];
  const [, withPort] = /^([\d.]+):\d+$/.exec(hop) ?? [];
  return readAddress(bracketed ?? withPort ?? hop);
}
