import { readFileSync } from 'node:fs';
import { ConfigError, parseConfig } from '../config/config.ts';
import { duration, ValueError } from '../config/values.ts';
import { examine, maxDurationMs } from '../doctor/doctor.ts';
import type { Diagnosed } from '../doctor/doctor.ts';
import { examineLocal } from '../doctor/examine-local.ts';
import type { DoctorDeps } from '../doctor/examination.ts';
import { finding } from '../doctor/finding.ts';
import { lookUp } from '../doctor/host-lookup.ts';
import { machine } from '../doctor/machine.ts';
import { jsonReport, statusOf, textHeading, textReport } from '../doctor/report.ts';
import { parseTarget, TargetError } from '../doctor/target.ts';

/** Just above the longest idle timeout of the common proxies, which is Cloudflare's 100 s. */
const defaultIdle = '105s';
/** How long the doctor waits for an answer. */
export const stepTimeoutMs = 3_000;
/** The idle timeout of nginx and AWS. Other proxies wait longer. */
const proxyIdleMs = 60_000;

/** The text of `quire doctor --help`. */
export const doctorUsage: readonly string[] = [
  'quire doctor <wss://host/sync/document> [options]',
  'Goes through a connection as an editor would, and names what is wrong with it and what to do.',
  `Takes ${Math.ceil(maxDurationMs({ stepTimeoutMs, idleMs: null }) / 1000)} s at most, without --idle.`,
  '',
  '  --token <token>',
  '      As the editor has one. Sent only to a server whose certificate is good, or to this machine.',
  '  --origin <https://page>',
  '      The origin of the page that a browser would connect from.',
  '  --ca <file>',
  '      An authority to trust (PEM), such as <data>/tls/ca.pem of a development certificate.',
  '  --idle, --idle=<time>',
  '      Also stay silent, by default for 105s, to see whether a proxy closes the connection.',
  '  --json',
  '      Print the report as JSON.',
  '',
  'quire doctor [options of serve]',
  'On the machine of the server: also checks configuration, disk, clock, database and certificate.',
  '',
  '  --deep',
  '      Read every stored document, instead of as many as can be read in 3 s.',
  '',
  'Exit status: 0 no problem, or warnings only; 10 name, 11 TCP, 12 TLS, 13 upgrade, 14 sync,',
  '16 message size, 17 idle, 20 this machine; 2 wrong usage, 1 an error of the doctor itself.',
];

/** The parsed command line of `quire doctor`. */
interface Call {
  readonly url: string | null;
  readonly token: string | null;
  readonly origin: string | null;
  readonly ca: string | null;
  readonly idleMs: number | null;
  readonly json: boolean;
  /** Whether to read every document. */
  readonly deep: boolean;
  /** Flags of `quire serve`. */
  readonly rest: readonly string[];
}

/** Prints the findings. Resolves with the exit status. Rejects with ConfigError if the command line is invalid. */
export async function doctor(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const call = readCall(args);
  const deps: DoctorDeps = {
    lookup: (host) => lookUp(host, stepTimeoutMs),
    now: Date.now,
    monotonicMs: () => performance.now(),
    stepTimeoutMs,
    proxyIdleMs,
    idleMs: call.idleMs,
  };
  const subject = call.url === null ? 'this machine' : withoutSecrets(call.url);
  const examined = call.url === null ? () => local(call, environment, deps) : remote(call, call.url, deps);
  // Disks and databases of this machine have no such bound.
  const limit = { maxSeconds: call.url === null ? null : Math.ceil(maxDurationMs(deps) / 1000) };
  if (!call.json) console.log(textHeading(subject, limit));
  const diagnosed = await examined();
  console.log(call.json ? jsonReport(subject, limit, diagnosed) : textReport(diagnosed));
  return statusOf(diagnosed);
}

/** The URL as it may be shown: parameters of gateways may be secrets as well as the token. */
function withoutSecrets(url: string): string {
  return url.replace(/(^[a-z]+:\/\/)[^/?#]*@/i, '$1…@').replaceAll(/([?&][^=&]*=)[^&#]*/g, '$1...');
}

/** Reads the call; the examination is then begun by the caller. Throws ConfigError. */
function remote({ token, origin, ca, deep, rest }: Call, url: string, deps: DoctorDeps): () => Promise<Diagnosed> {
  if (deep) throw new ConfigError('--deep is not expected beside a URL: it is about the database of this machine.');
  if (rest.length > 0) throw new ConfigError(`${rest[0]} is not expected beside a URL.`);
  try {
    const target = parseTarget(url, { token, origin, ca: ca === null ? null : readAuthority(ca) });
    return () => examine(target, deps);
  } catch (error) {
    if (error instanceof TargetError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

async function local(
  { rest, token, deep }: Call,
  environment: NodeJS.ProcessEnv,
  deps: DoctorDeps,
): Promise<Diagnosed> {
  try {
    const local = deep ? { ...machine, verifyBudgetMs: Infinity } : machine;
    return await examineLocal(parseConfig(rest, environment), token, deps, local);
  } catch (error) {
    const found =
      error instanceof ConfigError
        ? finding('local-config', { reason: error.message })
        : finding('doctor-failed', { at: 'local', reason: String(error) });
    return { findings: [found], measurements: [] };
  }
}

function readCall(args: readonly string[]): Call {
  const values = new Map<string, string>();
  const rest: string[] = [];
  let url: string | null = null;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const [flag, inline] = arg.split(/=(.*)/s, 2) as [string, string | undefined];
    if (['--json', '--deep'].includes(flag)) values.set(flag, 'true');
    else if (flag === '--idle') values.set(flag, inline ?? defaultIdle);
    else if (['--token', '--origin', '--ca'].includes(flag)) {
      const value = inline ?? args[++index];
      if (value === undefined) throw new ConfigError(`${flag} needs a value.`);
      values.set(flag, value);
    } else if (url === null && isUrl(arg, args[index - 1])) url = arg;
    else rest.push(arg);
  }
  const idle = values.get('--idle');
  return {
    url,
    token: values.get('--token') ?? null,
    origin: values.get('--origin') ?? null,
    ca: values.get('--ca') ?? null,
    idleMs: idle === undefined ? null : readIdle(idle),
    json: values.has('--json'),
    deep: values.has('--deep'),
    rest,
  };
}

/** A flag of `quire serve` may have a URL as its value. */
function isUrl(arg: string, before = ''): boolean {
  return /^[a-z]+:\/\//i.test(arg) && (!before.startsWith('--') || /^--(json$|deep$|idle)|=/.test(before));
}

function readIdle(value: string): number {
  try {
    return duration(value);
  } catch (error) {
    if (error instanceof ValueError) throw new ConfigError(`--idle ${error.message}.`, { cause: error });
    throw error;
  }
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`--ca ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}
