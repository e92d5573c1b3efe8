import type { Page, WebSocketRoute } from 'playwright-core';
import { encodeFrame } from './frames.ts';

/** Sends a page presence states as its server would, but unchecked, so that only the page can protect itself. */
export class Injection {
  #socket: WebSocketRoute | null = null;
  #clock = 0;

  /** Must be called before the page is loaded. */
  async attach(page: Page): Promise<void> {
    await page.routeWebSocket(/sync/, (socket) => {
      socket.connectToServer();
      this.#socket = socket;
    });
  }

  /** The page receives it before anything that its server sends later. */
  show(state: unknown, client: number): void {
    this.#clock++;
    const entries = [{ client, clock: this.#clock, state: JSON.stringify(state) }];
    this.#socket?.send(Buffer.from(encodeFrame({ type: 'awareness', entries })));
  }
}
