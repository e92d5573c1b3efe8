import type { CertificateKind } from './certificate-health.ts';
import { developmentAuthorityName } from './dev-certificate.ts';
import type { Certificate } from './certificate.ts';

/** How the staging authority of Let's Encrypt names itself, today and until 2021. */
const stagingIssuers = /\(STAGING\)|^(?:CN|O)=Fake LE /m;

/** What kind of certificate it is if browsers do not trust it by themselves; null for every other one. */
export function kindOf({ isPlaceholder, chain }: Certificate): CertificateKind | null {
  if (isPlaceholder) return 'placeholder';
  const issuers = chain.map(({ issuer }) => issuer);
  if (issuers.some((issuer) => issuer.split('\n').includes(`CN=${developmentAuthorityName}`))) return 'development';
  return issuers.some((issuer) => stagingIssuers.test(issuer)) ? 'staging' : null;
}
