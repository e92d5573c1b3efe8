import { isIP } from 'node:net';
import { inTime, SilenceError } from './deadline.ts';
import { measured } from './examination.ts';
import type { Stage } from './examination.ts';
import { finding } from './finding.ts';

/** Looks the host up. */
export const nameStage: Stage = async (examination) => {
  const { target, deps } = examination;
  const { host } = target;
  const literal = target.address ?? host;
  const family = isIP(literal);
  if (family !== 0) {
    examination.addresses = [{ address: literal, family: family === 4 ? 4 : 6 }];
    return [];
  }
  const silent = finding('name-server-silent', { host, seconds: deps.stepTimeoutMs / 1000 });
  try {
    examination.addresses = await inTime(deps.stepTimeoutMs, deps.lookup(host));
  } catch (error) {
    if (error instanceof SilenceError) return [silent];
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    switch (code) {
      case 'ENOTFOUND':
        return [finding('name-unknown', { host })];
      case 'ENODATA':
        return [finding('name-without-address', { host })];
      case 'ETIMEOUT':
      case 'EAI_AGAIN':
        return [silent];
      default:
        return [finding('name-server-failed', { host, reason: code })];
    }
  }
  if (examination.addresses.length === 0) return [finding('name-without-address', { host })];
  measured(examination, 'addresses', examination.addresses.map(({ address }) => address).join(', '));
  return [];
};
