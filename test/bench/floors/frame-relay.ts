/** The second floor: like the relay, but it builds a frame once and writes the same bytes to every socket. */
import { sendToAll, serveFrameRooms } from './frame-rooms.ts';

serveFrameRooms(sendToAll);
