import { WebSocket } from 'ws';
import type { WsConnection } from './ws-connection.ts';

/**
 * The `ws` socket of a connection. Tells its connection what happens without going through listeners: five of them take 280
 * bytes a socket.
 */
export class OwnedWebSocket extends WebSocket {
  connection: WsConnection | null = null;

  /** `ws` calls this too, without a reason, when it cannot read a frame. */
  override close(code?: number, reason?: string | Buffer): void {
    if (reason === undefined && code !== undefined && this.connection !== null) this.connection.unreadable(code);
    else super.close(code, reason);
  }

  closeNow(code: number, reason: string): void {
    super.close(code, reason);
  }

  /** What `ws` calls for every event; of those that a server gets the rest ('open') matters to nobody. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const { connection } = this;
    if (connection === null) return false;
    switch (event) {
      case 'message':
        // With binaryType 'nodebuffer' every message is one Buffer.
        connection.received(args[0] as Buffer, args[1] as boolean);
        return true;
      case 'ping':
        connection.pinged(args[0] as Buffer);
        return true;
      case 'pong':
        connection.silentPings = 0;
        return true;
      case 'error':
        connection.failed(args[0] as Error & { code?: string });
        return true;
      case 'close':
        connection.ended(args[0] as number, args[1] as Buffer);
        return true;
      default:
        return false;
    }
  }
}

/** What a close code of `ws` means: all but one are frames that cannot be read. */
export function refusalOf(closeCode: number): 'message-too-large' | 'bad-frame' {
  return closeCode === 1009 ? 'message-too-large' : 'bad-frame';
}
