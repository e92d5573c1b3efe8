import { readFileSync } from 'node:fs';

/** The most that the kernel buffers for a loopback connection that is not read, on both sides together, in bytes. */
export function kernelBufferBytes(): number {
  return ['tcp_wmem', 'tcp_rmem']
    .map((name) => Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)[2]))
    .reduce((sum, bytes) => sum + bytes, 0);
}
