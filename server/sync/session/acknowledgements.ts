import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { limitReached } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';

const maxWaiting = fixedLimits['waiting-probes'].max;
/** A payload is sent back as it is. */
const maxPayloadBytes = fixedLimits['probe-size'].max;

interface WaitingProbe {
  readonly payload: Uint8Array;
  seq: number;
}

/** The edits of a document that have integrated. */
export interface Integrated {
  /** Whether everything that this client wrote before this clock has integrated. */
  hasIntegrated(client: number, clock: number): boolean;
  /** The last sequence number handed to the log. */
  readonly acceptedSeq: number;
}

/**
 * Decides when the probes of one session are answered, which tells its client that the edits before them are saved. All
 * of those edits must be durable, none may have been refused, and none may wait for edits that are missing. No probe is
 * answered before the client's first answer to our SyncStep1: a stock client sends its first probe before that answer,
 * which contains its offline edits.
 */
export class Acknowledgements {
  #lastSeq = 0;
  #answered = false;
  /** An update was dropped because it builds on missing edits. The client's answer to our SyncStep1 will contain it. */
  #isAnswerDue = false;
  #refused = false;
  /** Null while no probe waits. */
  #probes: WaitingProbe[] | null = null;
  /** By client id, the clock up to which edits in the log wait for missing edits. Null while none wait. */
  #waitingClocks: Map<number, number> | null = null;

  get isWaiting(): boolean {
    return this.#probes !== null;
  }

  /** Everything that the session has sent so far is durable once `seq` is. */
  sent(seq: number): void {
    this.#lastSeq = seq;
  }

  /** An update of this session was dropped because of a gap. */
  dropped(): void {
    this.#isAnswerDue = true;
  }

  /** The client has answered SyncStep1. The caller has reported the update in the answer before. */
  answered(): void {
    this.#answered = true;
    this.#isAnswerDue = false;
    // The edits that a waiting probe stands for may be in the answer.
    this.#postpone();
  }

  /** Part of an update of this session is in the log, but waits for missing edits. */
  waitFor({ intervals, deletes }: Pick<UpdateFacts, 'intervals' | 'deletes'>): void {
    const clocks = (this.#waitingClocks ??= new Map());
    for (const ranges of [intervals, deletes]) {
      for (let i = 0; i < ranges.length; i += 3) {
        const client = ranges[i] as number;
        clocks.set(client, Math.max(clocks.get(client) ?? 0, ranges[i + 2] as number));
      }
    }
  }

  /** Finds out which edits of this session have integrated. Gaps that other sessions left open do not matter. */
  closeGaps(document: Integrated): void {
    const clocks = this.#waitingClocks;
    if (clocks === null) return;
    for (const [client, clock] of clocks) {
      if (!document.hasIntegrated(client, clock)) return;
      clocks.delete(client);
    }
    this.#waitingClocks = null;
    // The edits that closed the gaps must be durable too.
    this.#lastSeq = document.acceptedSeq;
    this.#postpone();
  }

  /** An update of this session was refused. No probe is answered any more. */
  refuse(): void {
    this.#refused = true;
    this.#probes = null;
  }

  /** Throws RefusedError if too many probes wait, or if this one is too large. */
  probe(payload: Uint8Array): void {
    if (payload.length > maxPayloadBytes) throw limitReached('probe-size');
    if (this.#refused) return;
    const probes = (this.#probes ??= []);
    if (probes.length >= maxWaiting) throw limitReached('waiting-probes');
    probes.push({ payload: payload.slice(), seq: this.#lastSeq });
  }

  /** Takes the payloads of the probes that may be answered now, in order. */
  take(durableSeq: number): Uint8Array[] {
    const probes = this.#probes;
    if (probes === null || !this.#answered || this.#isAnswerDue || this.#waitingClocks !== null) return [];
    const end = probes.findIndex((probe) => probe.seq > durableSeq);
    const ready = end === -1 ? probes : probes.splice(0, end);
    if (end === -1) this.#probes = null;
    return ready.map((probe) => probe.payload);
  }

  #postpone(): void {
    for (const probe of this.#probes ?? []) probe.seq = this.#lastSeq;
  }
}
