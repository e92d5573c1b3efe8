import type { Socket } from 'node:net';
import type { Random } from './random.ts';

/** The ways in which a client reads its answers. */
export const readings = ['all', 'nothing', 'a bit', 'stops and goes on', 'leaves'] as const;

export type Reading = (typeof readings)[number];

/** One step of a client with this way of reading. */
export function readOn(socket: Socket, reading: Reading, random: Random): void {
  if (reading === 'nothing') return;
  if (reading === 'a bit') socket.read(1 + random.below(10_000));
  else if (reading === 'all' || random.below(2) === 0) socket.resume();
  else socket.pause();
  if (reading !== 'leaves' || random.below(20) > 0) return;
  if ('encrypted' in socket || random.below(2) === 0) socket.destroy();
  else socket.resetAndDestroy();
}
