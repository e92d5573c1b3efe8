import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueAuthority, issueLeaf } from '../../server/tls/issue-certificate.ts';
import type { Validity } from '../../server/tls/issue-certificate.ts';

export interface ScratchCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

const dayMs = 86_400_000;

/** Writes a certificate for localhost and its authority into a folder, like the own certificate of an operator. */
export function scratchCertificate(
  folder: string,
  name: string,
  validity: Validity = { fromMs: Date.now() - dayMs, toMs: Date.now() + dayMs },
): ScratchCertificate {
  const subject = { commonName: `CA of ${name}`, unit: 'test' };
  const authority = issueAuthority(subject, { dnsNames: ['localhost'], networks: [] }, validity);
  const leaf = issueLeaf({ subject, key: authority.key }, { commonName: name, unit: 'test' }, ['localhost'], validity);
  const paths = {
    certPath: join(folder, `${name}.pem`),
    keyPath: join(folder, `${name}-key.pem`),
    caPath: join(folder, `${name}-ca.pem`),
  };
  writeFileSync(paths.certPath, leaf.cert);
  writeFileSync(paths.keyPath, leaf.key);
  writeFileSync(paths.caPath, authority.cert);
  return paths;
}
