/**
 * The floor for a server with Quire's guarantee: the frame relay, but a message is in LevelDB, with an fsync, before
 * any client receives it. Messages that arrive while a batch is written share the next one.
 */
import { Level } from 'level';
import { sendToAll, serveFrameRooms } from './frame-rooms.ts';
import type { FrameRoom } from './frame-rooms.ts';

const database = new Level<Uint8Array, Uint8Array>(process.argv[3] ?? '', {
  keyEncoding: 'view',
  valueEncoding: 'view',
});
await database.open();
let waiting: { room: FrameRoom; data: Buffer }[] = [];
let isWriting = false;
let count = 0;

serveFrameRooms((room, data) => {
  waiting.push({ room, data });
  if (!isWriting) schedule();
});

function schedule(): void {
  isWriting = true;
  setImmediate(() => void commit());
}

async function commit(): Promise<void> {
  const messages = waiting;
  waiting = [];
  const batch = database.batch();
  for (const { data } of messages) {
    const key = Buffer.alloc(8);
    key.writeBigUInt64BE(BigInt(count++));
    batch.put(key, data);
  }
  await batch.write({ sync: true });
  isWriting = false;
  if (waiting.length > 0) schedule();
  for (const { room, data } of messages) sendToAll(room, data);
}
