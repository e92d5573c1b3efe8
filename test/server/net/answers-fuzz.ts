import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unreadTicks } from '../../../server/net/request-input.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness, parseAnswer, readToEnd } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';
import type { Random } from '../../support/random.ts';
import { readings, readOn } from '../../support/unsteady-reading.ts';

const largestAnswer = 8 << 20;
const maxUnreadBytes = 3 * largestAnswer;

/** Answers with the number of bytes in the target when the body of the request is complete. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on('end', () => response.end(Buffer.alloc(Number(request.url?.slice(1) ?? 0))));
}

function anyRequest(random: Random): string {
  const path = `/${random.pick([0, 15, 3_000, 300_000, largestAnswer])}`;
  if (random.below(4) > 0) return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const body = 'b\r\n\r\n'.repeat(random.below(2_000));
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/**
 * Clients send random pipelines of requests and read the responses in random ways. After each tick the responses in the
 * server are within their bound. A neighbour is served meanwhile. After 30 s without reading, no response is left, and
 * all sockets are released.
 */
export async function readAtRandom(owner: Owner, random: Random, tls: boolean, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const responses = new Set<ServerResponse>();
    const net = await NetHarness.start(owner, {
      tls,
      maxUnreadBytes,
      requests: (request, response) => {
        responses.add(response);
        response.on('close', () => responses.delete(response));
        answer(request, response);
      },
    });
    const unreadBytes = (): number =>
      [...responses].reduce((sum, { socket }) => sum + (socket?.destroyed === false ? socket.writableLength : 0), 0);
    const clients = await Promise.all(
      Array.from({ length: 2 + random.below(8) }, async () => {
        const socket = await net.socket();
        socket.pause();
        owner.after(() => void socket.destroy());
        const requests = Array.from({ length: 1 + random.below(20) }, () => anyRequest(random)).join('');
        socket.write(requests);
        return { socket, reading: random.pick(readings) };
      }),
    );
    for (let steps = 10 + random.below(60); steps > 0; steps--) {
      const { socket, reading } = random.pick(clients);
      if (!socket.destroyed) readOn(socket, reading, random);
      if (random.below(2) === 0) await nextTurn();
      if (random.below(4) > 0) continue;
      net.input.tick();
      assert.ok(unreadBytes() <= maxUnreadBytes, `${unreadBytes()} bytes of answers`);
    }
    const neighbour = await net.socket();
    neighbour.write('GET /15 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.equal(parseAnswer(await readToEnd(neighbour)).status, 200);
    neighbour.destroy();
    for (const { socket } of clients) if (!socket.destroyed) socket.pause();
    const released = async (): Promise<void> => {
      while (net.input.answering > 0) {
        for (let tick = 0; tick <= unreadTicks; tick++) net.input.tick();
        await nextTurn();
      }
    };
    await within(guardMs, () => `the end of ${net.input.answering} connections with answers`, released());
    for (const { socket } of clients) socket.destroy();
    await within(guardMs, 'the end of every socket', net.listener.close(guardMs));
    assert.equal(net.input.answering, 0);
  }
}
