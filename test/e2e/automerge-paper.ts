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
  /** The number of edits to make, from the beginning of the trace. */
  readonly edits: number;
  readonly kills: number;
}

export interface Written {
  readonly quire: Quire;
  readonly writer: StockClient;
  readonly docName: string;
}

const editsPerTurn = 100;
/** The writer waits while its socket buffers more than this, because no user types faster than their connection. */
const maxBufferedBytes = 1_000_000;
/** Edits that the writer makes offline after each kill, before it waits for the server. */
const maxOfflineEdits = 2_000;

/**
 * One user writes a paper, with one update per keystroke, while the server is killed repeatedly at moments that the
 * seed determines. Resolves when everything is saved. A new client must then read the same text (I1, I4).
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
      // A failure is reported where it is awaited below, and must not end the process earlier.
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

/** Resolves after a turn for the socket, or when it has caught up. */
async function breathe(client: StockClient): Promise<void> {
  await turn();
  for (;;) {
    const ws = client.provider.ws as unknown as WebSocket | null;
    if (ws === null || ws.readyState !== ws.OPEN || ws.bufferedAmount <= maxBufferedBytes) return;
    // The server echoes every edit, so events continue as long as the connection is open.
    await within(
      guardMs,
      'the server takes what the writer sends',
      Promise.race([once(ws, 'message'), once(ws, 'close')]),
    );
  }
}
