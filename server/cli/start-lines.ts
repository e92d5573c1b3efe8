import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Address } from '../app.ts';
import type { Config } from '../config/config.ts';

interface Started {
  readonly config: Config;
  readonly addresses: readonly Address[];
  /** The certificate of the authority that signed the development certificate; null if there is none. */
  readonly authorityPath: string | null;
  /** What a person does to stop the server. */
  readonly stop: string;
}

/** From dist/server/cli, where this runs. The container image has no documentation. */
const docsFolder = join(import.meta.dirname, '../../../docs');
const labelColumns = 11;

/** What a person needs first, in the order in which they need it. Printed when the server listens. */
export function startLines({ config, addresses, authorityPath, stop }: Started): string[] {
  const urls = addresses.map((address) => urlsOf(address, config));
  const documents = config.ephemeral ? 'in memory only, and gone when the server stops' : resolve(config.dataDir);
  const lines = [
    'Quire is ready.',
    '',
    ...entry('Open', config.demo ? urls.map(({ page }) => page) : []),
    ...entry(
      'Editors',
      urls.map(({ sync }) => sync),
    ),
    ...entry('Documents', [documents]),
    ...entry('Token', tokenHint(config)),
    ...entry('Stop', [stop]),
    ...entry('Read on', pages()),
  ];
  const secure = addresses.find((address) => address.secure);
  if (authorityPath !== null && secure !== undefined) {
    const { page } = urlsOf(secure, config);
    lines.push(
      '',
      `The certificate of ${page} was made for this machine. No other program trusts it yet.`,
      ...entry('Browsers', [`open ${page} and accept the warning, or import ${authorityPath} as an authority`]),
      ...entry('Node', [`NODE_EXTRA_CA_CERTS=${authorityPath}`]),
    );
  }
  return [...lines, ''];
}

/** The label stands before the first value only. */
function entry(label: string, values: readonly string[]): string[] {
  return values.map((value, index) => `  ${(index === 0 ? label : '').padEnd(labelColumns)}${value}`);
}

function tokenHint({ auth }: Config): string[] {
  if (auth.mode === 'jwt') {
    const canSign = auth.secrets.length > 0 || auth.secretPath !== null;
    return [
      canSign ? "every client needs one; quire token --document '*' prints one to try" : 'every client needs one',
    ];
  }
  return auth.mode === 'callout' ? ['your application checks the token of each client'] : [];
}

/** Paths as they are typed from here, where that is shorter. */
function pages(): string[] {
  if (!existsSync(docsFolder)) return [];
  const near = relative(process.cwd(), docsFolder);
  const folder = near.startsWith('..') ? docsFolder : near;
  return [`${join(folder, 'connect.md')} to connect an editor, ${join(folder, 'deploy.md')} to run it on a server`];
}

/** The demo page, and what editors connect to. */
function urlsOf({ secure, host, port }: Address, config: Config): { page: string; sync: string } {
  const authority = `${secure ? hostOf(host, config) : bracketed(host)}:${port}`;
  const s = secure ? 's' : '';
  return { page: `http${s}://${authority}`, sync: `ws${s}://${authority}/sync` };
}

/** A name that the certificate holds, where one is known; else the address that is listened on. */
function hostOf(host: string, { tls }: Config): string {
  if (tls.mode === 'acme') return tls.acme.domains[0]!;
  return tls.mode === 'dev' ? 'localhost' : bracketed(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
