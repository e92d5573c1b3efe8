/** The other floor: like the relay, but a message is made into a frame once, and the same bytes go to every socket. */
import { sendToAll, serveFrameRooms } from './frame-rooms.ts';

serveFrameRooms(sendToAll);
