import { resolve } from 'node:path';
import type { Address } from '../app.ts';
import type { Config } from '../config.ts';

export interface Started {
  readonly config: Config;
  readonly addresses: readonly Address[];
  /** The certificate of our own authority, to be trusted; null if there is none. */
  readonly authorityPath: string | null;
}

/** What to open, and how to trust it: for people, after the start. */
export function startLines({ config, addresses, authorityPath }: Started): string[] {
  const kept = config.ephemeral ? 'in memory only, gone at the end' : `in ${resolve(config.dataDir)}`;
  const lines = [`Quire is ready. Documents are kept ${kept}.`, ''];
  for (const address of addresses) {
    const { page, sync } = urlsOf(address, config);
    lines.push(`  Open ${page.padEnd(28)}  for editors ${sync}`);
  }
  const secure = addresses.find((address) => address.secure);
  if (authorityPath !== null && secure !== undefined) {
    const { page } = urlsOf(secure, config);
    lines.push(
      '',
      'The certificate is signed by an authority that was made for this machine alone. To trust it:',
      `  Node       NODE_EXTRA_CA_CERTS=${authorityPath}`,
      `  Browsers   add ${authorityPath} to the authorities, or open ${page} once and accept the warning`,
    );
  }
  return [...lines, ''];
}

/** The demo page, and what editors connect to. */
function urlsOf({ secure, host, port }: Address, config: Config): { page: string; sync: string } {
  const authority = `${secure ? hostOf(host, config) : bracketed(host)}:${port}`;
  const s = secure ? 's' : '';
  return { page: `http${s}://${authority}`, sync: `ws${s}://${authority}/sync` };
}

/** A name that the certificate holds, where we know one; else what was asked for. */
function hostOf(host: string, { tls }: Config): string {
  if (tls.mode === 'acme') return tls.acme.domains[0]!;
  return tls.mode === 'dev' ? 'localhost' : bracketed(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
