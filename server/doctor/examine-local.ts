import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import { inTime } from './deadline.ts';
import { dial } from './dial.ts';
import { examine } from './doctor.ts';
import type { Diagnosed } from './doctor.ts';
import type { DoctorDeps } from './examination.ts';
import { finding } from './finding.ts';
import { certificatePaths, checkServed, checkStored, developmentAuthority } from './local-certificate.ts';
import { checkMachine } from './local-checks.ts';
import type { LocalDeps } from './machine.ts';
import { hostHeader, parseTarget } from './target.ts';
import type { Target } from './target.ts';
import { readBody } from './upgrade-request.ts';

/** Examines the machine of a server with this configuration, and the server itself if it runs. */
export async function examineLocal(
  config: Config,
  token: string | null,
  deps: DoctorDeps,
  local: LocalDeps,
): Promise<Diagnosed> {
  const { findings, measurements } = await checkMachine(config, local);
  const stored = certificatePaths(config).map((paths) => checkStored(paths, deps.now()));
  findings.push(...stored.flatMap((pair) => pair.findings));
  const certificates = stored.flatMap(({ certificate }) => certificate ?? []);
  const target = targetOf(config, token, certificates[0]?.names ?? []);
  if (!(await listens(target, deps.stepTimeoutMs))) {
    findings.push(finding('local-not-running', { host: target.address ?? target.host, port: target.port }));
    return { findings, measurements };
  }
  const { stepTimeoutMs } = deps;
  if (certificates.length > 0) findings.push(...(await checkServed(certificates, target, stepTimeoutMs)));
  const notReady = await askReady(target, stepTimeoutMs);
  if (notReady !== null && notReady !== noAnswer) findings.push(finding('local-not-ready', { reason: notReady }));
  if (findings.some(({ severity }) => severity === 'error')) return { findings, measurements };
  // Without a token, a server with authentication is right to refuse the doctor.
  const open = ['unset', 'none'].includes(config.auth.mode) || token !== null;
  const diagnosed = await examine(target, deps, open ? 'idle' : 'upgrade');
  findings.push(...diagnosed.findings);
  // The examination of the connection says more about a server that does not answer, unless it found nothing.
  if (notReady === noAnswer && !findings.some(({ severity }) => severity === 'error')) {
    findings.push(finding('local-not-ready', { reason: '/readyz does not answer' }));
  }
  return { findings, measurements: [...measurements, ...diagnosed.measurements] };
}

/** The target: this machine's address, with a name from the server's certificate. */
function targetOf(config: Config, token: string | null, names: readonly string[]): Target {
  const everywhere = config.host === '0.0.0.0' || config.host === '::';
  const address = everywhere || config.host === 'localhost' ? '127.0.0.1' : config.host;
  const secure = config.tls.mode !== 'off';
  const hosts = secure ? names.map(hostOf) : [];
  // A certificate may have names that are not valid in a URL.
  const host = hosts.find((name) => URL.canParse(`wss://${name}/`)) ?? 'localhost';
  const ca = developmentAuthority(config);
  return parseTarget(`${secure ? 'wss' : 'ws'}://${host}:${config.port}/sync`, { token, address, ca });
}

/** The name of a certificate as the host of a URL. */
function hostOf(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name.replace('*', 'www');
}

async function listens({ address, port }: Target, timeoutMs: number): Promise<boolean> {
  try {
    (await dial(address!, port, timeoutMs)).destroy();
    return true;
  } catch {
    return false;
  }
}

const noAnswer = Symbol('no answer');

/** The reason from /readyz why the server is not ready; null if it is ready. */
async function askReady(target: Target, timeoutMs: number): Promise<string | null | typeof noAnswer> {
  const options = {
    host: target.address,
    port: target.port,
    path: '/readyz',
    headers: { Host: hostHeader(target) },
    rejectUnauthorized: false,
    agent: false as const,
  };
  const asked = (target.secure ? getHttps : getHttp)(options);
  try {
    return await inTime(
      timeoutMs,
      new Promise<string | null>((resolve, reject) => {
        asked.on('response', (response) => {
          void readBody(response).then((body) => {
            // Quire answers this path with no other status.
            if (response.statusCode === 503) resolve(body);
            else if (response.statusCode === 200) resolve(null);
            else reject(new Error(`status ${response.statusCode}`));
          });
        });
        asked.on('error', reject);
      }),
    );
  } catch {
    return noAnswer;
  } finally {
    asked.destroy();
  }
}
