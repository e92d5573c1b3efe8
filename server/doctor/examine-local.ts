import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import type { Config } from '../config.ts';
import { inTime } from './deadline.ts';
import { dial } from './dial.ts';
import { examine } from './doctor.ts';
import type { Diagnosed } from './doctor.ts';
import type { DoctorDeps } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { certificatePaths, checkServed, checkStored, developmentAuthority } from './local-certificate.ts';
import { checkMachine } from './local-checks.ts';
import type { LocalDeps } from './local-checks.ts';
import { hostHeader, parseTarget } from './target.ts';
import type { Target } from './target.ts';

/** Examines the machine of a server with this configuration, and the server itself if it runs. */
export async function examineLocal(
  config: Config,
  token: string | null,
  deps: DoctorDeps,
  local: LocalDeps,
): Promise<Diagnosed> {
  const { findings, measurements } = await checkMachine(config, local);
  const [first] = certificatePaths(config);
  const stored = first === undefined ? null : checkStored(first, deps.now());
  if (stored !== null) findings.push(...stored.findings);
  const target = targetOf(config, token, stored?.certificate?.names[0]);
  if (!(await listens(target, deps.stepTimeoutMs))) {
    findings.push(finding('local-not-running', { host: target.address ?? target.host, port: target.port }));
    return { findings, measurements };
  }
  if (stored?.certificate) findings.push(...(await checkServed(stored.certificate, target, deps.stepTimeoutMs)));
  findings.push(...(await checkReady(target, deps.stepTimeoutMs)));
  if (findings.some(({ severity }) => severity === 'error')) return { findings, measurements };
  // Without a token the server will not let us in, and rightly so.
  const open = ['unset', 'none'].includes(config.auth.mode) || token !== null;
  const diagnosed = await examine(target, deps, open ? 'idle' : 'upgrade');
  return {
    findings: [...findings, ...diagnosed.findings],
    measurements: [...measurements, ...diagnosed.measurements],
  };
}

/** The server's own address, under the name that its certificate is for. */
function targetOf(config: Config, token: string | null, certificateName: string | undefined): Target {
  const everywhere = config.host === '0.0.0.0' || config.host === '::';
  const address = everywhere || config.host === 'localhost' ? '127.0.0.1' : config.host;
  const secure = config.tls.mode !== 'off';
  const name = secure ? (certificateName ?? 'localhost').replace('*', 'www') : 'localhost';
  return parseTarget(`${secure ? 'wss' : 'ws'}://${name}:${config.port}/sync`, {
    token,
    address,
    ca: developmentAuthority(config),
  });
}

async function listens({ address, port }: Target, timeoutMs: number): Promise<boolean> {
  try {
    (await dial(address!, port, timeoutMs)).destroy();
    return true;
  } catch {
    return false;
  }
}

async function checkReady(target: Target, timeoutMs: number): Promise<Finding[]> {
  const options = {
    host: target.address,
    port: target.port,
    path: '/readyz',
    headers: { Host: hostHeader(target) },
    rejectUnauthorized: false,
  };
  const reason = await inTime(
    timeoutMs,
    new Promise<string | null>((resolve) => {
      const asked = (target.secure ? getHttps : getHttp)(options, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve(response.statusCode === 200 ? null : body));
      });
      asked.on('error', (error) => resolve(error.message));
    }),
  ).catch(() => '/readyz does not answer');
  return reason === null ? [] : [finding('local-not-ready', { reason })];
}
