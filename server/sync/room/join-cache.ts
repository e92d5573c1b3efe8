import type { PinnedSnapshot, Snapshot } from '../../../persistence/update-log.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Knowledge } from './knowledge.ts';
import type { Segment, Tail } from './tail.ts';

/** Larger answers are not kept: a client that lacks this much is rarely one of many that lack the same. */
const maxAnswerBytes = 256 * 1024;
/** Smaller segments are encoded for each join and written together, which costs less than one more write. */
const minSegmentBytes = 16 * 1024;
/** A message that no join has used during so many sweeps is dropped. A room is swept once a second. */
const keptSweeps = 5;

/** The state to which an answer brings a client: everything that is durable. */
interface AnsweredState {
  readonly durableSeq: number;
  readonly durable: Knowledge;
}

interface KeptAnswer {
  readonly message: Uint8Array;
  readonly stateVector: Uint8Array;
  readonly durableSeq: number;
  /** Stays the same array until a deletion is added, which garbage collection also does. */
  readonly deletes: Uint8Array;
  usedAt: number;
}

interface KeptPart {
  readonly message: Promise<Uint8Array>;
  readonly bytes: number;
  usedAt: number;
}

interface KeptSegment {
  readonly message: Buffer;
  /** The message is a SyncStep2, not an update. */
  readonly isLast: boolean;
  usedAt: number;
}

/** The messages that are kept for the joins of one codec. `usedAt` is the number of the sweep before the last use. */
interface Messages {
  /** The last answer to a client that had part of the document. */
  answer: KeptAnswer | null;
  snapshot: { readonly of: Snapshot; readonly parts: Map<number, KeptPart> } | null;
  segments: Map<Segment, KeptSegment> | null;
}

/**
 * Messages that several joins of one room can share, for each codec separately. Many clients that join at the same time
 * then cost one read and one encoding: copying a long document for each of them costs more than sending it.
 */
export class JoinCache {
  /** Null if nothing is kept. */
  #messages: Map<Codec, Messages> | null = null;
  #sweeps = 0;

  /** Size of all messages that are kept. */
  get bytes(): number {
    let bytes = 0;
    for (const { answer, snapshot, segments } of this.#messages?.values() ?? []) {
      if (answer !== null) bytes += answer.stateVector.length + answer.message.length;
      for (const part of snapshot?.parts.values() ?? []) bytes += part.bytes;
      for (const { message } of segments?.values() ?? []) bytes += message.length;
    }
    return bytes;
  }

  /**
   * The message that brings a client with this state vector everything that is durable; null if none is kept. After an
   * interruption of the network or the server, many clients reconnect with the same state vector and lack the same.
   */
  answer(codec: Codec, stateVector: Uint8Array, { durableSeq, durable }: AnsweredState): Uint8Array | null {
    const answer = this.#messages?.get(codec)?.answer ?? null;
    if (answer === null || answer.durableSeq !== durableSeq) return null;
    if (answer.deletes !== durable.encodeDeleteSet()) return null;
    if (Buffer.compare(answer.stateVector, stateVector) !== 0) return null;
    answer.usedAt = this.#sweeps;
    return answer.message;
  }

  /** Keeps an answer that was made from this state, unless it is large. The two arrays must not change any more. */
  keepAnswer(codec: Codec, stateVector: Uint8Array, { durableSeq, durable }: AnsweredState, message: Uint8Array): void {
    if (stateVector.length + message.length > maxAnswerBytes) return;
    const deletes = durable.encodeDeleteSet();
    this.#messagesOf(codec).answer = { message, stateVector, durableSeq, deletes, usedAt: this.#sweeps };
  }

  /** A part of a pinned snapshot as an update message. Rejects like `PinnedSnapshot.read`. */
  snapshotPart(codec: Codec, pinned: PinnedSnapshot, part: number): Promise<Uint8Array> {
    const messages = this.#messagesOf(codec);
    if (messages.snapshot?.of !== pinned.snapshot) messages.snapshot = { of: pinned.snapshot, parts: new Map() };
    const { parts } = messages.snapshot;
    const kept = parts.get(part);
    if (kept !== undefined) {
      kept.usedAt = this.#sweeps;
      return kept.message;
    }
    const message = pinned.read(part).then((data) => codec.update(data));
    // A failed read is not kept. Each join that awaits it handles the error.
    message.catch(() => parts.delete(part));
    parts.set(part, { message, bytes: pinned.snapshot.parts[part]!.bytes, usedAt: this.#sweeps });
    return message;
  }

  /**
   * Segments of the tail as messages, in buffers to be written one after the other. If `endsJoin`, the last segment
   * becomes the SyncStep2.
   */
  tailMessages(codec: Codec, segments: readonly Segment[], endsJoin: boolean): Uint8Array[] {
    const buffers: Uint8Array[] = [];
    let small: Uint8Array[] = [];
    const flushSmall = (): void => {
      if (small.length > 0) buffers.push(small.length === 1 ? small[0]! : Buffer.concat(small));
      small = [];
    };
    for (const [index, segment] of segments.entries()) {
      const isLast = endsJoin && index === segments.length - 1;
      if (segment.update.length < minSegmentBytes) {
        small.push(encode(codec, segment, isLast));
        continue;
      }
      flushSmall();
      buffers.push(this.#segmentMessage(codec, segment, isLast));
    }
    flushSmall();
    return buffers;
  }

  #segmentMessage(codec: Codec, segment: Segment, isLast: boolean): Buffer {
    const segments = (this.#messagesOf(codec).segments ??= new Map());
    const kept = segments.get(segment);
    if (kept?.isLast === isLast) {
      kept.usedAt = this.#sweeps;
      return kept.message;
    }
    const message = encode(codec, segment, isLast);
    segments.set(segment, { message, isLast, usedAt: this.#sweeps });
    return message;
  }

  /** Called about once a second. Drops messages that joins no longer use, and those of segments that left the tail. */
  sweep(tail: Tail): void {
    if (this.#messages === null) return;
    this.#sweeps++;
    for (const [codec, messages] of this.#messages) {
      this.#sweepMessages(messages, tail);
      const { answer, snapshot, segments } = messages;
      if (answer === null && snapshot === null && segments === null) this.#messages.delete(codec);
    }
    if (this.#messages.size === 0) this.#messages = null;
  }

  #sweepMessages(messages: Messages, tail: Tail): void {
    const { answer, snapshot, segments } = messages;
    if (answer !== null && this.#isUnused(answer)) messages.answer = null;
    if (snapshot !== null) {
      for (const [part, kept] of snapshot.parts) if (this.#isUnused(kept)) snapshot.parts.delete(part);
      if (snapshot.parts.size === 0) messages.snapshot = null;
    }
    if (segments !== null) {
      const current = tail.after(0);
      for (const [segment, kept] of segments) {
        if (this.#isUnused(kept) || !current.includes(segment)) segments.delete(segment);
      }
      if (segments.size === 0) messages.segments = null;
    }
  }

  #isUnused({ usedAt }: { readonly usedAt: number }): boolean {
    return this.#sweeps - usedAt >= keptSweeps;
  }

  #messagesOf(codec: Codec): Messages {
    const byCodec = (this.#messages ??= new Map());
    const known = byCodec.get(codec);
    if (known !== undefined) return known;
    const messages: Messages = { answer: null, snapshot: null, segments: null };
    byCodec.set(codec, messages);
    return messages;
  }
}

function encode(codec: Codec, { update }: Segment, isLast: boolean): Buffer {
  return isLast ? codec.syncStep2(update) : codec.update(update);
}
