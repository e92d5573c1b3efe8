import { commonName, day, doubtsAbout, namesOf, presentedBy, refusalOf } from './certificate-verdict.ts';
import type { Presented } from './certificate-verdict.ts';
import { ConnectionError, openTls } from './connection.ts';
import { owned } from './dial.ts';
import { atEveryAddress } from './every-address.ts';
import { measured } from './examination.ts';
import type { Examination, HostAddress, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { serverTimeMs } from './server-time.ts';

/** A smaller difference between the clocks is ignored. */
const clockToleranceMs = 60_000;

/** Makes a TLS handshake with every address, and checks the certificates as browsers, phones and Node clients do. */
export const tlsStage: Stage = async (examination) => {
  if (!examination.target.secure) return [];
  const fingerprints = new Map<string, string>();
  const findings = await atEveryAddress(examination, (address) => shakeHands(examination, address, fingerprints));
  if (new Set(fingerprints.values()).size > 1) {
    const each = [...fingerprints].map(([address, fingerprint]) => `${fingerprint.slice(0, 11)} at ${address}`);
    measured(examination, 'different certificates', each.join(', '));
  }
  return findings;
};

async function shakeHands(
  examination: Examination,
  address: HostAddress,
  fingerprints: Map<string, string>,
): Promise<readonly Finding[]> {
  const { target, deps } = examination;
  const startMs = deps.monotonicMs();
  try {
    const socket = owned(examination, await openTls(examination, address));
    const presented = presentedBy(socket);
    if (presented === null) return [finding('tls-no-cipher')];
    const { leaf } = presented;
    fingerprints.set(address.address, leaf.fingerprint256);
    if (address === examination.address) {
      const until = day(Date.parse(leaf.validTo));
      measured(examination, 'tls', `${socket.getProtocol()}, ${Math.round(deps.monotonicMs() - startMs)} ms`);
      measured(examination, 'certificate', `${namesOf(leaf)} until ${until}, by ${commonName(leaf.issuer)}`);
    }
    socket.destroy();
    const refusal = refusalOf(presented, target, deps.now());
    if (refusal === null) return doubtsAbout(presented, deps.now());
    return [(await clockFault(examination, address, presented, refusal)) ?? refusal];
  } catch (error) {
    if (error instanceof ConnectionError) return [error.finding];
    throw error;
  }
}

/** The finding if the clock of this machine is wrong, so that the dates seem bad. Null if both clocks agree. */
async function clockFault(
  examination: Examination,
  address: HostAddress,
  { leaf, others }: Presented,
  { code }: Finding,
): Promise<Finding | null> {
  if (code !== 'tls-expired' && code !== 'tls-not-yet-valid' && code !== 'tls-chain-expired') return null;
  const theirsMs = await serverTimeMs(examination, address);
  if (theirsMs === null) return null;
  const differenceMs = Math.abs(theirsMs - examination.deps.now());
  const isValid = [leaf, ...others].every(
    ({ validFrom, validTo }) => Date.parse(validFrom) <= theirsMs && theirsMs < Date.parse(validTo),
  );
  if (differenceMs <= clockToleranceMs || !isValid) return null;
  return finding('tls-clock', { offset: duration(differenceMs) });
}

function duration(differenceMs: number): string {
  const hours = differenceMs / 3_600_000;
  if (hours < 1) return `${Math.round(differenceMs / 60_000)} minutes`;
  return hours < 48 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}
