import { settableLimits } from '../limits/limits.ts';
import type { SettableLimitName } from '../limits/limits.ts';
import type { BucketSize } from '../limits/token-bucket.ts';
import { count, size } from './values.ts';

type LimitOptionName = `max-${SettableLimitName}`;

interface LimitOption {
  readonly parse: (value: string) => number;
  readonly default: string;
  readonly value: string;
  readonly help: string;
}

/** How the value of a limit is parsed, and what the help calls it. */
const values = {
  count: { parse: count, value: 'count' },
  bytes: { parse: size, value: 'size' },
} as const;

/** The options of the limits that can be set, with `max-` before the name. */
export const limitOptions = Object.fromEntries(
  Object.entries(settableLimits).map(([name, { unit, default: defaultText, what, why }]) => [
    `max-${name}`,
    { ...values[unit], default: defaultText, help: `${what} ${why}` },
  ]),
) as Readonly<Record<LimitOptionName, LimitOption>>;

/** The values of the limits that can be set. Sizes are in bytes, rates per second. */
export interface Limits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxConnectionsPerUser: number;
  readonly maxConnectionsPerDocument: number;
  readonly connectRate: BucketSize;
  readonly connectRatePerAddress: BucketSize;
  readonly requestRate: BucketSize;
  readonly requestRatePerAddress: BucketSize;
  /** In milliseconds of the event loop. */
  readonly refusedWorkPerAddress: BucketSize;
  readonly openRatePerAddress: BucketSize;
  readonly maxMessageBytes: number;
  readonly maxUnreadAnswerBytes: number;
  readonly maxPartialBytes: number;
  readonly messageRate: BucketSize;
  /** In bytes, like `syncRate`. */
  readonly receiveRate: BucketSize;
  readonly presenceRate: BucketSize;
  readonly syncRate: BucketSize;
  readonly maxNewClients: number;
  readonly maxDocumentBytes: number;
  readonly maxOutboxMemoryBytes: number;
  readonly maxRoomMemoryBytes: number;
}

export function limitsOf(values: Readonly<Record<LimitOptionName, number>>): Limits {
  const rate = (name: SettableLimitName): BucketSize => {
    const perSecond = values[`max-${name}`];
    const limit = settableLimits[name];
    return { perSecond, burst: perSecond * ('burstSeconds' in limit ? limit.burstSeconds : 1) };
  };
  return {
    maxConnections: values['max-connections'],
    maxConnectionsPerAddress: values['max-connections-per-address'],
    maxConnectionsPerUser: values['max-connections-per-user'],
    maxConnectionsPerDocument: values['max-connections-per-document'],
    connectRate: rate('connect-rate'),
    connectRatePerAddress: rate('connect-rate-per-address'),
    requestRate: rate('request-rate'),
    requestRatePerAddress: rate('request-rate-per-address'),
    refusedWorkPerAddress: rate('refused-work-per-address'),
    openRatePerAddress: rate('open-rate-per-address'),
    maxMessageBytes: values['max-message-size'],
    maxUnreadAnswerBytes: values['max-unread-answers'],
    maxPartialBytes: values['max-partial-messages'],
    messageRate: rate('message-rate'),
    receiveRate: rate('receive-rate'),
    presenceRate: rate('presence-rate'),
    syncRate: rate('sync-rate'),
    maxNewClients: values['max-new-clients'],
    maxDocumentBytes: values['max-document-size'],
    maxOutboxMemoryBytes: values['max-outbox-memory'],
    maxRoomMemoryBytes: values['max-room-memory'],
  };
}
