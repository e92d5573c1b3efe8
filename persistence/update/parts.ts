import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding';
import * as Y from 'yjs';
import { cutList, isList } from './cut-list.ts';
import { encodeSections, pushInterval, sectionAt } from './sections.ts';
import type { Section } from './sections.ts';
import { noScanLimits, StructReader, structKind } from './struct-reader.ts';
import { encodeStateVector } from './state-vector.ts';
import type { StateVector } from './state-vector.ts';

/** A piece of a cut update, which is itself a valid update. */
export interface UpdatePart {
  readonly data: Uint8Array;
  /** Length of `data`. */
  readonly bytes: number;
  /** The clocks that the part brings, as flat triples: client, start, end (exclusive). */
  readonly intervals: readonly number[];
}

const noDeletes = Uint8Array.of(0);

/**
 * Cuts the whole state of a document between structs, into parts of about `partBytes` and a last part. In a Y.Doc that
 * receives them in this order, nothing integrates before the last part. It holds the delete set and each client's first
 * struct, without which no other struct of that client integrates. So no user sees and corrects half a document. A
 * struct is never cut: one larger than `partBytes` makes a larger part. An update of at most `partBytes` is returned as
 * one part.
 */
export function cutIntoParts(update: Uint8Array, partBytes: number): UpdatePart[] {
  if (update.length <= partBytes) return [toPart(update, intervalsOf(update))];
  const parts: UpdatePart[] = [];
  const firsts: Section[] = [];
  const firstIntervals: number[] = [];
  let sections: Section[] = [];
  let intervals: number[] = [];
  let bytes = 0;
  const close = (): void => {
    if (sections.length > 0) parts.push(toPart(encodeSections(update, sections, noDeletes), intervals));
    sections = [];
    intervals = [];
    bytes = 0;
  };
  const reader = new StructReader(update, noScanLimits);
  while (reader.nextClient()) {
    let first: Section | undefined;
    let section: Section | undefined;
    while (reader.nextStruct()) {
      // A Skip gives the position of the structs after it. At the start of a section it is not needed: a section has a
      // clock.
      const isSkip = reader.kind === structKind.skip;
      if (first === undefined) {
        if (isSkip) continue;
        firsts.push((first = sectionAt(reader)));
        pushInterval(firstIntervals, reader);
        continue;
      }
      if (section !== undefined) extend(section, reader);
      else if (!isSkip) sections.push((section = sectionAt(reader)));
      pushInterval(intervals, reader);
      bytes += reader.pos - reader.start;
      if (bytes < partBytes) continue;
      close();
      section = undefined;
    }
  }
  close();
  parts.push(toPart(encodeSections(update, firsts, update.subarray(reader.pos)), firstIntervals));
  return parts;
}

/**
 * The structs of a scanned update that a client with this state vector lacks. Like `Y.diffUpdate`, which decodes even
 * known structs, but without the delete set, because one delete set is sent for many such updates.
 */
export function diffStructs(update: Uint8Array, stateVector: StateVector): Uint8Array {
  const { selected, cuts } = selectStructs(update, stateVector);
  return cuts.size === 0 ? selected : cutFirst(selected, cuts);
}

/**
 * Cuts the first struct of some clients at a clock inside it. Lists of values are cut by their bytes. Other structs
 * that must be cut go through `Y.diffUpdate`, which makes an object of every struct. All others are copied as bytes.
 */
function cutFirst(update: Uint8Array, cuts: StateVector): Uint8Array {
  const firsts: Section[] = [];
  /** Byte offset at which each client's structs end. */
  const ends: number[] = [];
  const reader = new StructReader(update, noScanLimits);
  while (reader.nextClient()) {
    reader.nextStruct();
    firsts.push({ ...sectionAt(reader), structCount: reader.structsLeft + 1 });
    while (reader.nextStruct());
    ends.push(reader.pos);
  }
  const byYjs = ({ client, start }: Section): boolean => cuts.has(client) && !isList(update.subarray(start));
  const whole = firsts.filter(byYjs).map((first) => ({ ...first, structCount: 1 }));
  const cut = new StructReader(
    Y.diffUpdate(encodeSections(update, whole, noDeletes), encodeStateVector(cuts)),
    noScanLimits,
  );
  const encoder = createEncoder();
  writeVarUint(encoder, firsts.length);
  for (const [i, first] of firsts.entries()) {
    const { client, clock, structCount, start, end } = first;
    const cutClock = cuts.get(client);
    let struct = update.subarray(start, end);
    let structClock = clock;
    if (cutClock !== undefined && !byYjs(first)) {
      struct = cutList(struct, client, clock, cutClock - clock);
      structClock = cutClock;
    } else if (cutClock !== undefined && cut.nextClient() && cut.nextStruct()) {
      struct = cut.bytes.subarray(cut.start, cut.pos);
      structClock = cut.clock;
    }
    writeVarUint(encoder, structCount);
    writeVarUint(encoder, client);
    writeVarUint(encoder, structClock);
    writeUint8Array(encoder, struct);
    writeUint8Array(encoder, update.subarray(end, ends[i]));
  }
  writeUint8Array(encoder, noDeletes);
  return toUint8Array(encoder);
}

/**
 * Leaves out the delete set and all structs wholly below the state vector, by copying bytes. A struct that extends
 * beyond the vector stays whole; `cuts` gives the clients for which `Y.diffUpdate` must cut a struct, and the clock of
 * the cut.
 */
function selectStructs(
  update: Uint8Array,
  stateVector: StateVector,
): { readonly selected: Uint8Array; readonly cuts: StateVector } {
  const cuts = new Map<number, number>();
  const sections: Section[] = [];
  const reader = new StructReader(update, noScanLimits);
  while (reader.nextClient()) {
    const known = stateVector.get(reader.client) ?? 0;
    let section: Section | undefined;
    while (reader.nextStruct()) {
      if (section !== undefined) extend(section, reader);
      else if (reader.kind !== structKind.skip && reader.clock + reader.length > known) {
        sections.push((section = sectionAt(reader)));
        if (reader.clock < known) cuts.set(reader.client, known);
      }
    }
  }
  return { selected: encodeSections(update, sections, noDeletes), cuts };
}

function intervalsOf(update: Uint8Array): number[] {
  const intervals: number[] = [];
  const reader = new StructReader(update, noScanLimits);
  while (reader.nextClient()) while (reader.nextStruct()) pushInterval(intervals, reader);
  return intervals;
}

function extend(section: Section, reader: StructReader): void {
  section.structCount++;
  section.end = reader.pos;
}

function toPart(data: Uint8Array, intervals: readonly number[]): UpdatePart {
  return { data, bytes: data.length, intervals };
}
