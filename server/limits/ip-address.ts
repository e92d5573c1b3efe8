import { isIP } from 'node:net';
import type { BlockList } from 'node:net';

/** Groups of an IPv6 address, of 16 bits each. */
const groupCount = 8;
const loopback6 = '0:0:0:0:0:0:0:1';
const mapped4 = /^0:0:0:0:0:ffff:([0-9a-f]+):([0-9a-f]+)$/;

/** Normalizes an address: no zone, and IPv4-mapped IPv6 as IPv4. Null if the text is not an address. */
export function readAddress(text: string): string | null {
  const [address = ''] = text.split('%', 1);
  const version = isIP(address);
  if (version !== 6) return version === 4 ? address : null;
  const [, high, low] = mapped4.exec(expand(address)) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((group) => [parseInt(group, 16) >>> 8, parseInt(group, 16) & 0xff]).join('.');
}

/** Whether an address is a loopback address. */
export function isLoopbackAddress(address: string): boolean {
  return isIP(address) === 6 ? expand(address) === loopback6 : address.startsWith('127.');
}

/** Whether an address is in a list. False for a text that is not an address. */
export function contains(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * What counts as one address for limits: an IPv4 address, or the /64 of an IPv6 address, because each subscriber has at
 * least a /64 and may use any address in it. A text that is not an address is returned unchanged.
 */
export function addressKeyOf(text: string): string {
  const address = readAddress(text) ?? text;
  if (isIP(address) !== 6) return address;
  const groups = expand(address).split(':');
  return `${groups.slice(0, groupCount / 2).join(':')}::/64`;
}

/** All groups of an IPv6 address, without leading zeros. */
function expand(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const first = groupsOf(head);
  if (tail === undefined) return first.join(':');
  const last = groupsOf(tail);
  const zeros = Array.from({ length: groupCount - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].join(':');
}

/** Converts an IPv4 notation at the end to two groups. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16).toString(16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
  });
}
