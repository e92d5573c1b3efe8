import { isIP } from 'node:net';
import { inTime, SilenceError } from './deadline.ts';
import { measured } from './examination.ts';
import type { Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { FindingCode } from './finding.ts';
import { LookupError } from './host-lookup.ts';

/** Looks up the addresses of the host. */
export const nameStage: Stage = async (examination) => {
  const { target, deps } = examination;
  const { host } = target;
  const literal = target.address ?? host;
  const family = isIP(literal);
  if (family !== 0) {
    examination.addresses = [{ address: literal, family: family === 4 ? 4 : 6 }];
    return [];
  }
  const facts = { host, seconds: deps.stepTimeoutMs / 1000 };
  try {
    // The lookup has its own deadline, and starting it takes time too.
    examination.addresses = await inTime(2 * deps.stepTimeoutMs, deps.lookup(host));
  } catch (error) {
    if (error instanceof SilenceError) return [finding('name-server-silent', facts)];
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (!(error instanceof LookupError) || error.addresses.length === 0) {
      return [finding(causes[code] ?? 'name-server-failed', { ...facts, reason: code })];
    }
    examination.addresses = error.addresses;
    measured(examination, 'addresses', listed(error.addresses));
    return [finding('name-server-slow', facts)];
  }
  if (examination.addresses.length === 0) return [finding('name-without-address', facts)];
  measured(examination, 'addresses', listed(examination.addresses));
  return [];
};

/** Findings by the error codes of node:dns. */
const causes: Readonly<Record<string, FindingCode>> = {
  ENOTFOUND: 'name-unknown',
  ENODATA: 'name-without-address',
  EREFUSED: 'name-server-refused',
  ECONNREFUSED: 'name-server-unreachable',
  ETIMEOUT: 'name-server-silent',
};

function listed(addresses: readonly { readonly address: string }[]): string {
  return addresses.map(({ address }) => address).join(', ');
}
