import { times } from '../goals.ts';
import { compareTraffic } from '../traffic.ts';
import { typeByEcho } from '../type-by-echo.ts';
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
          if (room) await typeByEcho(room, settings.quick ? 200 : 10_000, windowEdits);
        },
      },
      { cpu: [times(0.2, 'best peer')] },
    ),
};
