import { times } from '../goals.ts';
import type { RoomLoad } from '../room-load.ts';
import { compareTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Edits that a writer has under way, at most: the next is sent when one of them has come back. */
const windowEdits = 50;

/** As fast as it goes: programs that write, or a paste that arrives character by character. */
export const flood: Workload = {
  name: 'flood',
  describe: () => `one room, 20 readers, 4 writers with ${windowEdits} edits under way each`,
  run: (settings) =>
    compareTraffic(
      settings,
      {
        rooms: 1,
        shape: { writers: 4, readers: 20 },
        per: 'edit',
        drive: async ([room]) => {
          if (room) await driveByEcho(room, settings.quick ? 200 : 10_000);
        },
      },
      { cpu: [times(0.2, 'best peer')] },
    ),
};

/** Every writer sends `edits` edits; resolves when the last is sent. */
function driveByEcho(room: RoomLoad, edits: number): Promise<void> {
  return new Promise((resolve) => {
    let writing = room.writers.length;
    const fill = (writer: RoomLoad['writers'][number]): void => {
      if (writer.text.clock === edits) return;
      const end = Math.min(edits, writer.echoed + windowEdits);
      while (writer.text.clock < end) room.type(writer);
      if (writer.text.clock < edits) return;
      writing--;
      if (writing === 0) resolve();
    };
    room.onEcho = fill;
    for (const writer of room.writers) fill(writer);
  });
}
