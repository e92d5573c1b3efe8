import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../persistence/errors.ts';
import { noScanLimits, scanUpdate } from '../../persistence/update/scan.ts';
import { cpuTimeMs } from './cpu-time.ts';
import { mutate } from './mutants.ts';
import { randomUpdates } from './random-updates.ts';
import type { Random } from './random.ts';
import { assertTook } from './slowness.ts';

const mutantsPerDocument = 400;
/** The longest that the event loop may be blocked. */
const maxStallMs = 50;
/** Yjs needs 1 ms for these updates. One that takes this long does not end. */
const maxApplyMs = 1000;

/**
 * Breaks real updates in `count` random ways. Either the scan refuses the mutant fast, with MalformedUpdateError, or
 * Yjs can work with it in an empty document and in the document that it came from, without throwing, hanging or
 * complaining. The only excuse is a mutant that throws in a document that has other content under the same id: the scan
 * of a single update cannot find that, and compaction does.
 */
export function huntMutants(random: Random, count: number): { accepted: number; excused: number } {
  const { complaints, restore } = listenToConsole();
  let accepted = 0;
  let excused = 0;
  try {
    for (let done = 0; done < count;) {
      const updates = randomUpdates(random, 30).filter((update) => update.length < 3000);
      const state = Y.mergeUpdates(updates);
      for (let i = 0; i < mutantsPerDocument && done < count; i++, done++) {
        const mutant = mutate(random.pick(updates), random.pick(updates), random);
        if (!isAccepted(mutant)) continue;
        accepted++;
        for (const { name, use, withState } of uses(mutant, state)) {
          // Complaints from before this use, such as those of `contradicts`, are not its fault.
          complaints.length = 0;
          const failure = failureOf(use) ?? complaints[0];
          if (failure === undefined) continue;
          const report = `${name}: ${failure}\nmutant: ${hex(mutant)}\nstate: ${hex(state)}`;
          assert.ok(withState && contradicts(mutant, state), report);
          excused++;
        }
      }
    }
  } finally {
    restore();
  }
  return { accepted, excused };
}

function isAccepted(mutant: Uint8Array): boolean {
  let accepted = true;
  const scan = (): void => {
    try {
      scanUpdate(mutant);
      accepted = true;
    } catch (error) {
      if (!(error instanceof MalformedUpdateError)) throw error;
      accepted = false;
    }
  };
  const tookMs = cpuTimeMs(scan, maxStallMs);
  assertTook(tookMs, maxStallMs, `${hex(mutant)}: the scan took`);
  return accepted;
}

interface Use {
  readonly name: string;
  readonly withState: boolean;
  readonly use: () => void;
}

/** The operations of servers and editors on an update. */
function uses(mutant: Uint8Array, state: Uint8Array): readonly Use[] {
  const merged = (): Uint8Array => scanned(Y.mergeUpdates([state, mutant]));
  return [
    { name: 'applied to an empty document', withState: false, use: () => check(docOf(mutant)) },
    { name: 'merged and scanned', withState: false, use: merged },
    {
      name: 'compared',
      withState: false,
      use: () => check(docOf(Y.diffUpdate(mutant, Y.encodeStateVectorFromUpdate(state)))),
    },
    { name: 'applied before the rest', withState: true, use: () => check(docOf(mutant, state)) },
    { name: 'applied after the rest', withState: true, use: () => check(docOf(state, mutant)) },
    { name: 'merged and applied', withState: true, use: () => check(docOf(merged())) },
  ];
}

/** Whether the update and the state have different content under the same id. */
function contradicts(update: Uint8Array, state: Uint8Array): boolean {
  const known = new Map<string, string>();
  for (const [id, what] of descriptions(state)) known.set(id, what);
  return descriptions(update).some(([id, what]) => known.has(id) && known.get(id) !== what);
}

/** The content at each clock of an update, because a struct may be split. */
function descriptions(update: Uint8Array): [id: string, what: string][] {
  const result: [string, string][] = [];
  for (const struct of Y.decodeUpdate(update).structs) {
    if (struct.constructor === Y.Skip || struct.length > 1000) continue;
    const { id, length } = struct;
    for (let offset = 0; offset < length; offset++) {
      result.push([`${id.client} ${id.clock + offset}`, describe(struct, offset)]);
    }
  }
  return result;
}

function describe(struct: Y.Item | Y.GC | Y.Skip, offset: number): string {
  if (!(struct instanceof Y.Item)) return 'gone';
  const { id, origin, rightOrigin, parent, parentSub, content } = struct;
  const left = offset > 0 ? new Y.ID(id.client, id.clock + offset - 1) : origin;
  return JSON.stringify([
    left,
    rightOrigin,
    (left ?? rightOrigin) ? null : parent,
    parentSub,
    content.getRef(),
    String(content.getContent()[offset]),
  ]);
}

function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  doc.getText('text');
  doc.getMap('map');
  doc.getArray('array');
  doc.getXmlFragment('xml');
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/** Reads the whole document, and loads its stored form. */
function check(doc: Y.Doc): void {
  doc.getText('text').toDelta();
  doc.getMap('map').toJSON();
  doc.getArray('array').toJSON();
  // Not as text: Yjs fails at a null among the children, which any client may insert.
  doc.getXmlFragment('xml').toArray();
  docOf(scanned(Y.encodeStateAsUpdate(doc)));
}

/** Scans like stored updates are scanned. Together with earlier updates, a mutant may form circles. */
function scanned(update: Uint8Array): Uint8Array {
  scanUpdate(update, noScanLimits);
  return update;
}

function failureOf(use: () => void): string | undefined {
  try {
    assertTook(cpuTimeMs(use, maxApplyMs), maxApplyMs, 'it took');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.stack : String(error);
  }
}

/** Yjs catches some failures and prints them. */
function listenToConsole(): { complaints: string[]; restore: () => void } {
  const complaints: string[] = [];
  const { error, warn } = console;
  console.error = console.warn = (...args: unknown[]) => complaints.push(args.map(String).join(' '));
  return { complaints, restore: () => Object.assign(console, { error, warn }) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
