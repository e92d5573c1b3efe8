import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import type { MalformedUpdateCode } from '../../../persistence/errors.ts';
import { defaultScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import type { ScanLimits } from '../../../persistence/update/scan.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf } from '../../support/random.ts';
import { randomUpdates } from '../../support/random-updates.ts';
import { bytesOf, info, struct, updateOf } from '../../support/update-bytes.ts';

const documents = 25;

function refuses(update: Uint8Array, code: MalformedUpdateCode, limits?: ScanLimits): void {
  assert.throws(
    () => scanUpdate(update, limits),
    (error) => error instanceof MalformedUpdateError && error.code === code,
    code,
  );
}

/** The expected facts, computed from the structs that Yjs decodes. */
function factsByYjs(update: Uint8Array) {
  const { structs, ds } = Y.decodeUpdate(update);
  const intervals: number[] = [];
  const brought = new Set<string>();
  for (const { id, length, constructor } of structs) {
    if (constructor === Y.Skip) continue;
    if (intervals.at(-3) === id.client && intervals.at(-1) === id.clock) intervals.splice(-1, 1, id.clock + length);
    else intervals.push(id.client, id.clock, id.clock + length);
    for (let clock = id.clock; clock < id.clock + length; clock++) brought.add(`${id.client} ${clock}`);
  }
  const missing = new Map<number, number>();
  for (const each of structs) {
    if (!(each instanceof Y.Item)) continue;
    for (const id of [each.origin, each.rightOrigin, each.parent instanceof Y.ID ? each.parent : null]) {
      if (id === null || id.client === each.id.client || brought.has(`${id.client} ${id.clock}`)) continue;
      missing.set(id.client, Math.max(missing.get(id.client) ?? 0, id.clock));
    }
  }
  const deletes = [...ds.clients].flatMap(([client, ranges]) => {
    const flat: number[] = [];
    for (const { clock, len } of ranges) {
      if (flat.at(-1) === clock) flat.splice(-1, 1, clock + len);
      else flat.push(client, clock, clock + len);
    }
    return flat;
  });
  return { intervals, deletes, missing, structCount: structs.length };
}

/** Client 2 begins after client 1's `second` struct, client 1 after all of client 2. */
const circle = (second: number): Uint8Array =>
  updateOf([
    { client: 2, clock: 0, structs: [struct.gc(1), struct.textAfter(1, second, 'a')] },
    { client: 1, clock: 0, structs: [struct.textAfter(2, 0, 'b'), struct.textAfter(2, 1, 'c')] },
  ]);

const nestedAny = (depth: number): Uint8Array =>
  bytesOf(info.any, 1, 'a', 1, Uint8Array.of(...Array.from({ length: depth }, () => [117, 1]).flat(), 126));

const nestedJson = (depth: number): Uint8Array => bytesOf(5, 1, 'a', '['.repeat(depth) + ']'.repeat(depth));

const levels = (count: number, level: (i: number) => Uint8Array[]): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => level(i)).flat();

const chain = (count: number): Uint8Array =>
  updateOf([{ client: 1, clock: 0, structs: [struct.array(), ...levels(count, (i) => [struct.arrayIn(1, i)])] }]);

const siblings = (count: number): Uint8Array => {
  const structs = [
    struct.array(),
    ...levels(count, (i) => [struct.arrayIn(1, 2 * i), struct.arrayAfter(1, 2 * i + 1)]),
  ];
  return updateOf([{ client: 1, clock: 0, structs }]);
};

// Client 2 nests in client 1 and vice versa.
const turns = (count: number): Uint8Array =>
  updateOf([
    { client: 2, clock: 0, structs: levels(count / 2, (i) => [struct.arrayIn(1, i)]) },
    { client: 1, clock: 0, structs: [struct.array(), ...levels(count / 2, (i) => [struct.arrayIn(2, i)])] },
  ]);

suite('scanUpdate', () => {
  test('finds the same facts as Yjs in real updates of every shape', (t) => {
    const random = randomOf(t);
    let skips = 0;
    for (let i = 0; i < documents; i++) {
      for (const update of randomUpdates(random, 40)) {
        const facts = scanUpdate(update);
        const expected = factsByYjs(update);
        assert.deepEqual(facts.intervals, expected.intervals);
        assert.deepEqual(facts.deletes, expected.deletes);
        assert.equal(facts.structCount, expected.structCount);
        if (Y.decodeUpdate(update).structs.some((each) => each instanceof Y.Skip)) skips++;
        const dependencies = new Map<number, number>();
        for (let at = 0; at < facts.dependencies.length; at += 2) {
          dependencies.set(facts.dependencies[at] ?? 0, facts.dependencies[at + 1] ?? 0);
        }
        for (const client of dependencies.keys()) assert.ok(expected.missing.has(client));
        for (const [client, clock] of expected.missing) {
          // A dependency in a gap of the update itself is implied by the interval after the gap.
          const implied = facts.intervals.some(
            (value, at) => at % 3 === 0 && value === client && (facts.intervals[at + 1] ?? 0) > clock,
          );
          assert.ok(dependencies.get(client) === clock || implied, `dependency on ${client} ${clock}`);
        }
      }
    }
    assert.ok(skips > 0, 'updates with holes were among them');
  });

  test('accepts every update of eight editors who build on each other in turns', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 6; i++) {
      const editors = new RandomEditors(random, 8);
      editors.edit(150);
      for (const update of editors.updates) scanUpdate(update);
      for (let k = 0; k < 10; k++) scanUpdate(Y.mergeUpdates(editors.updates.filter(() => random.below(4) > 0)));
      assert.deepEqual(scanUpdate(Y.mergeUpdates(editors.updates)).dependencies, []);
    }
  });

  test('splits an update where its delete set begins', () => {
    const update = updateOf([{ client: 7, clock: 0, structs: [struct.text('abc')] }], [7, 1, 1]);
    assert.deepEqual(scanUpdate(update), {
      intervals: [7, 0, 3],
      deletes: [7, 1, 2],
      dependencies: [],
      deleteSetOffset: update.length - 5,
      structCount: 1,
    });
  });

  test('counts texts in UTF-16 units, and a Skip as nothing', () => {
    const structs = [struct.text('ä🙂'), struct.skip(4), struct.textAfter(7, 2, 'x')];
    assert.deepEqual(scanUpdate(updateOf([{ client: 7, clock: 0, structs }])).intervals, [7, 0, 3, 7, 7, 8]);
  });

  test('lists the structs of other clients that an update builds on, once per client', () => {
    const structs = [struct.textAfter(3, 8, 'a'), struct.textAfter(3, 5, 'b'), struct.textAfter(4, 0, 'c')];
    const update = updateOf([{ client: 7, clock: 2, structs }]);
    assert.deepEqual(scanUpdate(update).dependencies, [3, 8, 4, 0]);
  });

  test('accepts the empty update', () => {
    assert.deepEqual(scanUpdate(Uint8Array.of(0, 0)).intervals, []);
  });

  const gc = [struct.gc(1)];
  const refused: readonly (readonly [string, MalformedUpdateCode, Uint8Array])[] = [
    ['nothing at all', 'truncated', new Uint8Array()],
    ['no delete set', 'truncated', Uint8Array.of(0)],
    ['bytes after the end', 'trailing-bytes', Uint8Array.of(0, 0, 0)],
    ['more clients than bytes', 'truncated', bytesOf(1000, 1, 1, 0, 0)],
    ['more structs than bytes', 'truncated', bytesOf(1, 33_000_000, 1, 0, 0)],
    ['more deletions than bytes', 'truncated', bytesOf(0, 1, 1, 5000, 0, 1)],
    [
      'more values than bytes',
      'truncated',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(info.any, 1, 'a', 900)] }]),
    ],
    ['a client without structs', 'bad-struct', bytesOf(1, 0, 1, 0, 0, 0, 0)],
    [
      'a client twice',
      'repeated-client',
      updateOf([
        { client: 1, clock: 0, structs: gc },
        { client: 1, clock: 1, structs: gc },
      ]),
    ],
    [
      'clients that ascend',
      'unsorted',
      updateOf([
        { client: 1, clock: 0, structs: gc },
        { client: 2, clock: 0, structs: gc },
      ]),
    ],
    ['an empty GC', 'empty-struct', updateOf([{ client: 1, clock: 0, structs: [struct.gc(0)] }])],
    ['an empty Skip', 'empty-struct', updateOf([{ client: 1, clock: 0, structs: [struct.skip(0)] }])],
    ['an empty text', 'empty-struct', updateOf([{ client: 1, clock: 0, structs: [struct.text('')] }])],
    ['a GC with links', 'bad-struct', updateOf([{ client: 1, clock: 0, structs: [bytesOf(0x80, 1)] }])],
    ['a Skip with links', 'bad-struct', updateOf([{ client: 1, clock: 0, structs: [Uint8Array.of(0x8a, 1)] }])],
    ['unknown content', 'bad-struct', updateOf([{ client: 1, clock: 0, structs: [bytesOf(11, 1, 'a', 1)] }])],
    ['an unknown type', 'bad-struct', updateOf([{ client: 1, clock: 0, structs: [bytesOf(info.type, 1, 'a', 7)] }])],
    [
      'an origin that is itself',
      'bad-origin',
      updateOf([{ client: 1, clock: 3, structs: [struct.textAfter(1, 3, 'a')] }]),
    ],
    ['a parent yet to come', 'bad-origin', updateOf([{ client: 1, clock: 3, structs: [struct.arrayIn(1, 4)] }])],
    ['a clock beyond 32 bits', 'number-too-large', updateOf([{ client: 1, clock: 2 ** 32, structs: gc }])],
    ['an end beyond 32 bits', 'number-too-large', updateOf([{ client: 1, clock: 2 ** 32 - 1, structs: gc }])],
    [
      'a client beyond 53 bits',
      'number-too-large',
      bytesOf(1, 1, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 31), 0, 0, 1, 0),
    ],
    ['a number padded without end', 'number-too-large', Uint8Array.of(...Array<number>(200).fill(0x80), 0, 0)],
    [
      'text that is not UTF-8',
      'bad-text',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(info.text, 1, 'a', 2, Uint8Array.of(0xc3, 0x28))] }]),
    ],
    [
      'half a surrogate pair',
      'bad-text',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(info.text, 1, 'a', 3, Uint8Array.of(0xed, 0xa0, 0x80))] }]),
    ],
    [
      'an embed that is not JSON',
      'bad-json',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(5, 1, 'a', '{"a":')] }]),
    ],
    [
      'undefined as an embed',
      'bad-json',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(5, 1, 'a', 'undefined')] }]),
    ],
    [
      'a subdocument without options',
      'bad-struct',
      updateOf([{ client: 1, clock: 0, structs: [bytesOf(9, 1, 'a', 'guid', Uint8Array.of(126))] }]),
    ],
    [
      'a subdocument with a second guid',
      'bad-struct',
      updateOf([
        {
          client: 1,
          clock: 0,
          structs: [bytesOf(9, 1, 'a', 'guid', Uint8Array.of(118, 1), 'guid', Uint8Array.of(126))],
        },
      ]),
    ],
    ['a deletion of nothing', 'empty-struct', updateOf([], [1, 0, 0])],
    ['deletions that descend', 'unsorted', bytesOf(0, 1, 1, 2, 5, 1, 0, 1)],
    ['deletions that overlap', 'unsorted', bytesOf(0, 1, 1, 2, 0, 5, 4, 1)],
    ['deletions of a client twice', 'repeated-client', updateOf([], [2, 0, 1, 1, 0, 1, 2, 5, 1])],
    ['a deletion beyond 32 bits', 'number-too-large', updateOf([], [1, 2 ** 32 - 1, 2])],
  ];
  for (const [what, code, update] of refused) test(`refuses ${what} (I6)`, () => refuses(update, code));

  test('reads a list value `undefined`, which is not JSON but is written by Yjs', () => {
    scanUpdate(updateOf([{ client: 1, clock: 0, structs: [bytesOf(2, 1, 'a', 2, 'undefined', '{"a":[1]}')] }]));
  });

  test('refuses structs of two clients that wait for each other, and accepts those that build on each other in turns (I6)', () => {
    scanUpdate(circle(0));
    refuses(circle(1), 'bad-origin');
  });

  test('limits how many clients and structs an update may have (I7)', () => {
    const clients = Array.from({ length: 11 }, (_, i) => ({ client: 50 - i, clock: 0, structs: [struct.gc(1)] }));
    refuses(updateOf(clients), 'too-many-clients', { ...defaultScanLimits, maxClients: 10 });
    refuses(updateOf(clients), 'too-many-structs', { ...defaultScanLimits, maxStructs: 10 });
    const deletes = clients.flatMap(({ client }) => [client, 0, 1]);
    refuses(updateOf([], deletes), 'too-many-clients', { ...defaultScanLimits, maxClients: 10 });
    refuses(updateOf([], deletes), 'too-many-deletions', { ...defaultScanLimits, maxDeletedRanges: 10 });
  });

  test('limits how deep values nest (I6)', () => {
    for (const nested of [nestedAny, nestedJson]) {
      const nest = (depth: number): Uint8Array => updateOf([{ client: 1, clock: 0, structs: [nested(depth)] }]);
      scanUpdate(nest(defaultScanLimits.maxValueDepth));
      refuses(nest(defaultScanLimits.maxValueDepth + 1), 'value-too-deep');
      refuses(nest(50_000), 'value-too-deep');
    }
    scanUpdate(updateOf([{ client: 1, clock: 0, structs: [bytesOf(5, 1, 'a', `"${'['.repeat(5000)}\\""`)] }]));
  });

  test('limits how deep types nest, even if levels hide behind siblings or across clients (I6)', () => {
    const limits = { ...defaultScanLimits, maxTypeDepth: 500 };
    for (const nest of [chain, siblings, turns]) {
      scanUpdate(nest(500), limits);
      refuses(nest(502), 'type-too-deep', limits);
      // As deep as types can nest over many updates.
      scanUpdate(nest(20_000));
      refuses(nest(defaultScanLimits.maxTypeDepth + 2), 'type-too-deep');
    }
  });

  test('accepts many types that do not nest', () => {
    const structs = [struct.array(), ...Array.from({ length: 5000 }, () => struct.arrayIn(1, 0))];
    assert.equal(scanUpdate(updateOf([{ client: 1, clock: 0, structs }])).structCount, 5001);
  });
});
