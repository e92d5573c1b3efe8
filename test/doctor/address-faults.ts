import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { Authority } from '../support/authority.ts';
import type { LeafOptions } from '../support/authority.ts';
import type { Owner } from '../support/owner.ts';
import type { Quire } from '../support/quire.ts';
import type { Fault, Planted } from './fault.ts';
import { answering, httpAnswer, tcpPeer, tlsFront, tlsPeer } from './peers.ts';
import type { Place } from './peers.ts';
import { syncPeer } from './sync-peer.ts';

const dayMs = 86_400_000;
const root = Authority.root();
const names = ['sync.test'];
const good = root.leaf({ names });
/** The two addresses of sync.test. The server at the first one has no fault. */
const [first, second] = ['127.0.0.2', '127.0.0.3'];

const deps: Partial<DoctorDeps> = {
  lookup: async () => [
    { address: first, family: 4 },
    { address: second, family: 4 },
  ],
};

/** Quire at the first address, and another peer at the second one, on the same port. */
function atSecond(
  name: string,
  expected: Fault['expected'],
  says: RegExp,
  other: (t: Owner, place: Place, quirePort: number) => Promise<number>,
): Fault {
  const plant = async (t: Owner, quire: Quire): Promise<Planted> => {
    const quirePort = Number(new URL(quire.url).port);
    const port = await tlsFront(t, good, quirePort, { host: first });
    await other(t, { host: second, port }, quirePort);
    return { url: `wss://sync.test:${port}/sync/doc`, ca: root.cert, deps };
  };
  return { name, expected, says, plant };
}

/** The same Quire behind both addresses, with another certificate at the second one. */
function certificateAtSecond(name: string, expected: Fault['expected'], says: RegExp, options: LeafOptions): Fault {
  return atSecond(name, expected, says, (t, place, quirePort) =>
    tlsFront(t, root.leaf({ names, ...options }), quirePort, place),
  );
}

const where = 'At 127\\.0\\.0\\.3 \\(1 of the 2 addresses of sync\\.test\\)';

export const addressFaults: readonly Fault[] = [
  certificateAtSecond('an expired certificate at one address', 'tls-expired', new RegExp(`^${where}: .*expired on`), {
    fromMs: Date.now() - 90 * dayMs,
    toMs: Date.now() - dayMs,
  }),
  certificateAtSecond('another name at one address', 'tls-wrong-name', new RegExp(`^${where}: .*for example\\.org`), {
    names: ['example.org'],
  }),
  certificateAtSecond('a late renewal at one address', 'tls-expires-soon', new RegExp(`^${where}: .*expires on`), {
    fromMs: Date.now() - 70 * dayMs,
    toMs: Date.now() + 20 * dayMs,
  }),
  atSecond('plain HTTP at one address', 'tls-plain-http', new RegExp(`^${where}: .*plain HTTP`), (t, place) =>
    answering(t, httpAnswer('400 Bad Request'), place),
  ),
  atSecond(
    'one address whose proxy does not reach its server',
    'upgrade-bad-gateway',
    new RegExp(`^${where}: .*502`),
    (t, place) =>
      tlsPeer(t, good, (socket) => socket.once('data', () => socket.end(httpAnswer('502 Bad Gateway'))), place),
  ),
  atSecond(
    'one address that does not answer the handshake',
    'tls-silent',
    new RegExp(`^${where}: .*no answer`),
    (t, place) => tcpPeer(t, () => {}, place),
  ),
  {
    name: 'two addresses with separate documents',
    expected: 'sync-not-shared',
    says: /^From 127\.0\.0\.2 to 127\.0\.0\.3, both addresses of sync\.test: /,
    async plant(t) {
      const port = await syncPeer(t, {}, { host: first });
      await syncPeer(t, {}, { host: second, port });
      return { url: `ws://sync.test:${port}/doc`, deps };
    },
  },
];
