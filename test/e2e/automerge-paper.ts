import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { guardMs, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { randomOf } from '../support/random.ts';
import { StockClient } from '../support/stock-client.ts';
import { applyPatches, loadAutomergePaper } from '../support/traces.ts';

export interface PaperOptions {
  /** How many edits of the trace are made, from its beginning. */
  readonly edits: number;
  readonly kills: number;
}

export interface Written {
  readonly quire: Quire;
  readonly writer: StockClient;
  readonly docName: string;
}

const editsPerTurn = 100;
/** The writer waits while more than this has not left its socket: a real one cannot type faster than its line. */
const maxBufferedBytes = 1_000_000;
/** Edits that are made without a server, after each kill, before the writer waits for it. */
const maxOfflineEdits = 2_000;

/**
 * One person writes a paper, one update a keystroke, while the server is killed again and again at moments that
 * the seed determines. Returns when all of it is saved; a fresh client must then read the same (I1, I4).
 */
export async function writePaper(t: TestContext, { edits, kills }: PaperOptions): Promise<Written> {
  const random = randomOf(t);
  const { startContent, txns, endContent } = loadAutomergePaper();
  assert.equal(startContent, '');
  const quire = await Quire.start(t, { tls: 'off', args: ['--log-level', 'debug', '--max-message-rate', '1000000'] });
  const docName = 'paper';
  const open = (): StockClient => {
    const client = new StockClient(quire.url, docName, { maxBackoffTime: 200 });
    t.after(() => client.destroy());
    return client;
  };
  const writer = open();
  await writer.synced();

  const count = Math.min(edits, txns.length);
  const moments = Array.from({ length: kills }, () => random.below(count)).sort((a, b) => a - b);
  let killing: Promise<void> | null = null;
  let waitAt = Infinity;
  for (const [index, { patches }] of txns.slice(0, count).entries()) {
    applyPatches(writer.text, patches);
    if (index >= (moments[0] ?? Infinity) && killing === null) {
      moments.shift();
      killing = quire.process.kill().then(() => quire.restart());
      // A failure shows when it is awaited below, and must not end the process before.
      killing.catch(() => {});
      waitAt = index + random.below(maxOfflineEdits);
    }
    if (index >= waitAt) {
      await killing;
      await writer.synced();
      killing = null;
      waitAt = Infinity;
    }
    if (index % editsPerTurn === 0) await breathe(writer);
  }
  await killing;
  await writer.synced();
  await writer.saved();
  if (count === txns.length) assert.equal(writer.content, endContent);

  await quire.process.kill();
  await quire.restart();
  const reader = open();
  await reader.synced();
  assert.equal(reader.content, writer.content);
  return { quire, writer, docName };
}

/** Lets the socket work; waits while it is behind. */
async function breathe(client: StockClient): Promise<void> {
  await turn();
  for (;;) {
    const ws = client.provider.ws as unknown as WebSocket | null;
    if (ws === null || ws.readyState !== ws.OPEN || ws.bufferedAmount <= maxBufferedBytes) return;
    // The server echoes every edit, so there is an event as long as the connection lives.
    await within(
      guardMs,
      'the server takes what the writer sends',
      Promise.race([once(ws, 'message'), once(ws, 'close')]),
    );
  }
}
