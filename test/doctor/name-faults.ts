import type { FindingCode } from '../../server/doctor/finding.ts';
import type { NameServerFault } from './name-server.ts';

/** The name servers of a machine, in the order of its /etc/resolv.conf, and the finding for them. */
export interface NameFault {
  readonly name: string;
  readonly expected: FindingCode;
  /** `nothing` is an address without a listener. */
  readonly servers: readonly (NameServerFault | 'nothing')[];
}

export const nameFaults: readonly NameFault[] = [
  { name: 'a name that does not exist', expected: 'name-unknown', servers: ['no such name'] },
  { name: 'a name without address', expected: 'name-without-address', servers: ['no address'] },
  { name: 'a zone that fails', expected: 'name-server-failed', servers: ['failure'] },
  { name: 'a resolver that does not serve this machine', expected: 'name-server-refused', servers: ['refused'] },
  { name: 'a resolver that does not run', expected: 'name-server-unreachable', servers: ['nothing'] },
  { name: 'a name server that is silent', expected: 'name-server-silent', servers: ['silence'] },
  { name: 'a first name server that is silent', expected: 'name-server-slow', servers: ['silence', 'address'] },
];
