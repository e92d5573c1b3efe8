import type { RoomLoad, Writer } from './room-load.ts';

/**
 * Each writer of the room sends `edits` edits as fast as they come back, with at most `windowEdits` in flight. Resolves
 * when the last one is sent.
 */
export function typeByEcho(room: RoomLoad, edits: number, windowEdits: number): Promise<void> {
  return new Promise((resolve) => {
    let writing = room.writers.length;
    const ends = new Map(room.writers.map((writer) => [writer, writer.text.clock + edits]));
    const fill = (writer: Writer): void => {
      const last = ends.get(writer) ?? 0;
      if (writer.text.clock === last) return;
      const end = Math.min(last, writer.echoed + windowEdits);
      while (writer.text.clock < end) room.type(writer);
      if (writer.text.clock < last) return;
      writing--;
      if (writing > 0) return;
      room.onEcho = null;
      resolve();
    };
    room.onEcho = fill;
    for (const writer of room.writers) fill(writer);
  });
}
