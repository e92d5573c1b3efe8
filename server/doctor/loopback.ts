import { isIP } from 'node:net';
import { isLoopbackAddress } from '../limits/ip-address.ts';

/** Whether browsers take the host of a URL, without brackets, for this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/\.$/, '');
  if (isIP(name) !== 0) return isLoopbackAddress(name);
  return name === 'localhost' || name.endsWith('.localhost');
}
