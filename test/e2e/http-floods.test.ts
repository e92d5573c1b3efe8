/** Floods of plain HTTP over real sockets: the event loop stays free. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { within } from '../support/deadline.ts';
import { EventLoopWatch } from '../support/event-loop-watch.ts';
import { Inspector, inspectorArgs } from '../support/inspector.ts';
import { Quire } from '../support/quire.ts';

const maxTurnMs = 50;

async function started(t: TestContext): Promise<{ quire: Quire; watch: EventLoopWatch }> {
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'], nodeArgs: inspectorArgs });
  const inspector = await Inspector.attach(quire.process);
  t.after(() => inspector.close());
  // Code that runs for the first time is slow.
  for (let i = 0; i < 50; i++) await fetch(`${quire.httpUrl}/healthz`);
  await fetch(`${quire.httpUrl}/metrics`);
  return { quire, watch: new EventLoopWatch(inspector) };
}

function socketTo(t: TestContext, quire: Quire): Socket {
  const socket = connect(Number(new URL(quire.url).port), '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Resolves when this many responses have arrived, or the socket has ended. */
async function answers(socket: Socket, count: number): Promise<number> {
  let found = 0;
  let tail = '';
  await within(
    60_000,
    () => `${count} answers; so far ${found}`,
    new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        const text = tail + chunk.toString('latin1');
        found += text.split('HTTP/1.1 ').length - 1;
        const at = text.lastIndexOf('HTTP/1.1 ');
        tail = at > text.length - 9 ? text.slice(at) : text.slice(Math.max(at + 9, text.length - 8));
        if (found >= count) resolve();
      });
      socket.on('close', resolve);
    }),
  );
  return found;
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

const floods: readonly (readonly [string, string, number])[] = [
  ['health checks', request('/healthz'), 900],
  ['requests for nothing', request('/nothing'), 900],
  ['more requests than an address may make', request('/'), 2_100],
  ['requests for a document without an upgrade', request('/sync/doc'), 900],
];

for (const [what, text, count] of floods) {
  test(`I6: ${count} pipelined ${what} in one write leave turns below ${maxTurnMs} ms`, async (t) => {
    const { quire, watch } = await started(t);
    await watch.begin();
    const socket = socketTo(t, quire);
    socket.write(text.repeat(count));
    await answers(socket, count);
    const longestMs = await watch.end();
    t.diagnostic(`longest turn ${longestMs.toFixed(1)} ms`);
    assert.ok(longestMs < maxTurnMs, `${longestMs} ms`);
  });
}
