import type { RenewalInfo } from './renewal-info.ts';

/** An order for a certificate. */
export interface CertificateOrder {
  readonly names: readonly string[];
  /** Private key of the certificate, PEM. */
  readonly key: string;
  /** The authority's id of the certificate that this one replaces; null for the first one. */
  readonly replaces: string | null;
}

/** A certificate authority. All methods reject with AcmeError. */
export interface CertificateAuthority {
  /** Proves control of the names, and resolves with the certificate and its chain, PEM. Takes seconds to minutes. */
  obtain(order: CertificateOrder): Promise<string>;
  /** When the authority wants the certificate renewed; null if it does not say. */
  renewalInfo(certificateId: string): Promise<RenewalInfo | null>;
  /** Pending calls reject. */
  stop(): void;
}
