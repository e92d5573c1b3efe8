import type { RenewalInfo } from './renewal-info.ts';

/** What to order. */
export interface CertificateOrder {
  readonly names: readonly string[];
  /** Private key of the certificate, PEM. */
  readonly key: string;
  /** What the authority calls the certificate that this one takes the place of; null if it is the first. */
  readonly replaces: string | null;
}

/** Whoever gives certificates. Everything rejects with AcmeError. */
export interface CertificateAuthority {
  /** Proves that the names are ours, and resolves with the certificate and its chain, PEM. Takes seconds to minutes. */
  obtain(order: CertificateOrder): Promise<string>;
  /** When the authority wants that certificate renewed; null if it has no opinion. */
  renewalInfo(certificateId: string): Promise<RenewalInfo | null>;
  /** Whatever is under way rejects. */
  close(): void;
}
