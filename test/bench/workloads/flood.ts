import { times } from '../goals.ts';
import { compareTraffic } from '../traffic.ts';
import { typeByEcho } from '../type-by-echo.ts';
import type { Workload } from '../workload.ts';

/** Maximum number of a writer's edits in flight. The next one is sent when one of them has come back. */
const windowEdits = 50;

/** Writers at full speed, such as programs, or a paste that arrives character by character. */
export const flood: Workload = {
  name: 'flood',
  describe: () => `one room, 20 readers, 4 writers with ${windowEdits} edits in flight each`,
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
