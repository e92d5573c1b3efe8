import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broadcast } from '../../../../server/sync/room/broadcast.ts';
import { CountingCodec } from '../../../support/counting-codec.ts';
import { decodeWrite } from '../../../support/fake-connection.ts';
import { encodeEntries } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';

const presence = encodeEntries([{ client: 1, clock: 1, state: '{}' }]);

test('a broadcast is encoded once per codec, in any order of the peers, and peers of a codec share the bytes', () => {
  const codecs = [new CountingCodec(), new CountingCodec(), new CountingCodec()];
  const update = new Typist().type('x');
  const broadcast = new Broadcast(update, presence);
  const frames = Array.from({ length: 99 }, (_, peer) => broadcast.frames(codecs[peer % codecs.length]!));
  // One message for the update and one for the presence.
  assert.deepEqual(
    codecs.map(({ encodings }) => encodings),
    [2, 2, 2],
  );
  for (const [peer, written] of frames.entries()) assert.equal(written, frames[peer % codecs.length]);
  assert.equal(new Set(frames).size, codecs.length);
  assert.deepEqual(
    decodeWrite(frames[0]!).map(({ type }) => type),
    ['update', 'awareness'],
  );
});

test('a codec that fails to encode does not affect the peers of another codec, and is asked again', () => {
  const working = new CountingCodec();
  const broadcast = new Broadcast(null, presence);
  const broken = Object.assign(new CountingCodec(), { presence: () => assert.fail('broken') });
  for (let peer = 0; peer < 2; peer++) {
    assert.throws(() => broadcast.frames(broken), /broken/);
    assert.deepEqual(broadcast.frames(working), new CountingCodec().presence(presence));
  }
  assert.equal(working.encodings, 1);
});
