import type { Codec } from '../protocol/codec.ts';
import type { Knowledge } from '../room/knowledge.ts';

/** More is not kept: who lacks much lacks it alone. */
const MAX_KEPT_BYTES = 256 * 1024;
/** A room is swept once a second: when nobody has asked the same during so many, those who come back are back. */
const KEPT_SWEEPS = 5;

/** What a client is to be brought to: everything that is durable. */
export interface AnsweredState {
  readonly durableSeq: number;
  readonly durable: Knowledge;
}

interface Answer {
  readonly codec: Codec;
  readonly stateVector: Uint8Array;
  readonly durableSeq: number;
  /** The same array until a deletion is added, by garbage collection too. */
  readonly deletes: Uint8Array;
  readonly message: Uint8Array;
}

/**
 * The last answer of a room to somebody who had part of the document. When a network or a server was gone everybody comes
 * back with the same state vector, and lacks the same.
 */
export class LastAnswer {
  #answer: Answer | null = null;
  #sweepsUnused = 0;

  /** What is kept. */
  get bytes(): number {
    return this.#answer === null ? 0 : this.#answer.stateVector.length + this.#answer.message.length;
  }

  /** The message that brings a client with this state vector all that is durable; null if it must be made anew. */
  find(stateVector: Uint8Array, { durableSeq, durable }: AnsweredState, codec: Codec): Uint8Array | null {
    const answer = this.#answer;
    if (answer === null || answer.codec !== codec || answer.durableSeq !== durableSeq) return null;
    if (answer.deletes !== durable.encodeDeleteSet() || Buffer.compare(answer.stateVector, stateVector) !== 0)
      return null;
    this.#sweepsUnused = 0;
    return answer.message;
  }

  /** Keeps an answer that was made of this state, unless it is large. Neither array may change any more. */
  keep(stateVector: Uint8Array, { durableSeq, durable }: AnsweredState, codec: Codec, message: Uint8Array): void {
    if (stateVector.length + message.length > MAX_KEPT_BYTES) return;
    this.#answer = { codec, stateVector, durableSeq, deletes: durable.encodeDeleteSet(), message };
    this.#sweepsUnused = 0;
  }

  /** Called about once a second: forgets what nobody asks for any more. */
  sweep(): void {
    if (++this.#sweepsUnused >= KEPT_SWEEPS) this.#answer = null;
  }
}
