import type { Workload } from '../workload.ts';
import { burst } from './burst.ts';
import { fanOut, wssFanOut } from './fan-out.ts';
import { firstSync } from './first-sync.ts';
import { flood } from './flood.ts';
import { documentGrowth, peerGrowth, roomGrowth } from './growth.ts';
import { idle, wssIdle } from './idle.ts';
import { joinStorm } from './join-storm.ts';
import { join } from './join.ts';
import { largeDocument } from './large-document.ts';
import { manyRooms } from './many-rooms.ts';
import { paperWriting } from './paper.ts';
import { presence } from './presence.ts';
import { quiet } from './quiet.ts';
import { reconnect } from './reconnect.ts';
import { resident } from './resident.ts';
import { restart } from './restart.ts';
import { storm, wssStorm } from './storm.ts';

/** In the order of the report. */
export const workloads: readonly Workload[] = [
  quiet,
  fanOut,
  burst,
  flood,
  manyRooms,
  presence,
  idle,
  resident,
  join,
  joinStorm,
  firstSync,
  reconnect,
  restart,
  storm,
  paperWriting,
  largeDocument,
  documentGrowth,
  roomGrowth,
  peerGrowth,
  wssFanOut,
  wssStorm,
  wssIdle,
];
