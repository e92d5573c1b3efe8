import type { CertificateKind } from './certificate-health.ts';
import { developmentAuthorityName } from './dev-certificate.ts';
import type { Certificate } from './certificate.ts';

/** The names of Let's Encrypt's staging authority, today and until 2021. */
const stagingIssuers = /\(STAGING\)|^(?:CN|O)=Fake LE /m;

/** The kind of a certificate that browsers do not trust by themselves; null for other certificates. */
export function kindOf({ isPlaceholder, chain }: Certificate): CertificateKind | null {
  if (isPlaceholder) return 'placeholder';
  const issuers = chain.map(({ issuer }) => issuer);
  if (issuers.some((issuer) => issuer.split('\n').includes(`CN=${developmentAuthorityName}`))) return 'development';
  return issuers.some((issuer) => stagingIssuers.test(issuer)) ? 'staging' : null;
}
