import { WebSocket } from 'ws';

/** Receives the events of a WebSocket. */
export interface WebSocketOwner {
  /** Reset to 0 by a pong. */
  silentPings: number;
  received(data: Buffer, isBinary: boolean): void;
  pinged(data: Buffer): void;
  /** `ws` cannot read a frame, stops reading, and would close with this code. */
  unreadable(closeCode: number): void;
  failed(error: Error & { code?: string }): void;
  ended(closeCode: number, reason: Buffer): void;
}

/**
 * The `ws` socket of a connection. Calls the methods of its owner instead of listeners, because the five listeners
 * would take 280 bytes per socket.
 */
export class OwnedWebSocket extends WebSocket {
  owner: WebSocketOwner | null = null;

  /** `ws` also calls this itself, without a reason, when it cannot read a frame. */
  override close(code?: number, reason?: string | Buffer): void {
    if (reason === undefined && code !== undefined && this.owner !== null) this.owner.unreadable(code);
    else super.close(code, reason);
  }

  closeNow(code: number, reason: string): void {
    super.close(code, reason);
  }

  /** Called by `ws` for each event. The only other event of a server-side socket, 'open', has no use here. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const { owner } = this;
    if (owner === null) return false;
    switch (event) {
      case 'message':
        // With binaryType 'nodebuffer' every message is one Buffer.
        owner.received(args[0] as Buffer, args[1] as boolean);
        return true;
      case 'ping':
        owner.pinged(args[0] as Buffer);
        return true;
      case 'pong':
        owner.silentPings = 0;
        return true;
      case 'error':
        owner.failed(args[0] as Error & { code?: string });
        return true;
      case 'close':
        owner.ended(args[0] as number, args[1] as Buffer);
        return true;
      default:
        return false;
    }
  }
}

/** The refusal for a close code of `ws`. All codes but one mean a frame that cannot be read. */
export function refusalOf(closeCode: number): 'message-too-large' | 'bad-frame' {
  return closeCode === 1009 ? 'message-too-large' : 'bad-frame';
}
