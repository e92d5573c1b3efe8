import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { fileURLToPath } from 'node:url';
import type { HostAddress } from './examination.ts';

const script = fileURLToPath(new URL('./lookup-process.js', import.meta.url));
/** lookup-process.ts prints this before the lookup. */
const ready = '\n';

/** A lookup that failed. */
export class LookupError extends Error {
  override readonly name = 'LookupError';
  /** An error code of node:dns, such as ENOTFOUND. */
  readonly code: string;
  /** The answer of a name server, if getaddrinfo does not get one in time. */
  readonly addresses: readonly HostAddress[];

  constructor(code: string, addresses: readonly HostAddress[] = []) {
    super(`lookup failed: ${code}`);
    this.code = code;
    this.addresses = addresses;
  }
}

/**
 * Looks up all addresses of a name with getaddrinfo, as browsers and Node clients do: with the hosts file, search
 * domains and all name servers. getaddrinfo does not report why it failed, so the name servers are also asked directly.
 * Rejects with LookupError, at the latest `timeoutMs` after the child process has started.
 *
 * getaddrinfo cannot be cancelled, and a process cannot exit during a call. So a child process makes the call.
 */
export async function lookUp(host: string, timeoutMs: number): Promise<readonly HostAddress[]> {
  const [answer, reason] = await Promise.all([getAddresses(host, timeoutMs), reasonOf(host, timeoutMs)]);
  if (answer.addresses !== null) return answer.addresses;
  if (answer.code === 'ENOTFOUND') throw new LookupError(reason.code === 'ENODATA' ? 'ENODATA' : 'ENOTFOUND');
  throw new LookupError(reason.code ?? answer.code, reason.addresses);
}

interface LookupAnswer {
  readonly addresses: readonly HostAddress[] | null;
  readonly code: string;
}

function getAddresses(host: string, timeoutMs: number): Promise<LookupAnswer> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, host], { stdio: ['ignore', 'pipe', 'ignore'] });
    let timer: NodeJS.Timeout | undefined;
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      timer ??= setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    });
    child.on('error', () => resolve({ addresses: null, code: 'EAI_SYSTEM' }));
    child.on('close', () => {
      clearTimeout(timer);
      resolve(printed.length <= ready.length ? { addresses: null, code: 'ETIMEOUT' } : readAnswer(printed));
    });
  });
}

function readAnswer(printed: string): LookupAnswer {
  return JSON.parse(printed) as LookupAnswer;
}

interface Reason {
  /** Null if a name server has an address. */
  readonly code: string | null;
  readonly addresses: readonly HostAddress[];
}

/** The answer of the name servers for the name. Resolves within `timeoutMs`. */
async function reasonOf(host: string, timeoutMs: number): Promise<Reason> {
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 3), tries: 1 });
  const timer = setTimeout(() => resolver.cancel(), timeoutMs);
  try {
    const settled = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = settled.flatMap((one, index) =>
      one.status === 'fulfilled'
        ? one.value.map((address): HostAddress => ({ address, family: index === 0 ? 4 : 6 }))
        : [],
    );
    if (addresses.length > 0) return { code: null, addresses };
    const codes = settled.flatMap((one) =>
      one.status === 'rejected' ? [(one.reason as NodeJS.ErrnoException).code ?? 'unknown'] : [],
    );
    // An empty answer for one family says nothing about the other.
    const code = codes.find((one) => one !== 'ENODATA') ?? 'ENODATA';
    return { code: code === 'ECANCELLED' ? 'ETIMEOUT' : code, addresses };
  } finally {
    clearTimeout(timer);
  }
}
