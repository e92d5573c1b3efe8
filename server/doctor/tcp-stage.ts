import { SilenceError } from './deadline.ts';
import { dial } from './dial.ts';
import { measured } from './examination.ts';
import type { Examination, HostAddress, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';

interface Failure {
  readonly address: HostAddress;
  readonly kind: 'refused' | 'timeout' | 'unreachable';
  readonly reason: string;
}

/** A handful: some names have dozens of addresses. */
const maxAddresses = 8;

/** Connects to every address of the host, of both families. */
export const tcpStage: Stage = async (examination) => {
  const { target, deps } = examination;
  const addresses = examination.addresses.slice(0, maxAddresses);
  const failures: Failure[] = [];
  const answered: HostAddress[] = [];
  const startMs = deps.monotonicMs();
  await Promise.all(
    addresses.map(async (address) => {
      try {
        const socket = await dial(address.address, target.port, deps.stepTimeoutMs);
        socket.destroy();
        if (answered.length === 0) measured(examination, 'tcp', `${Math.round(deps.monotonicMs() - startMs)} ms`);
        answered.push(address);
      } catch (error) {
        failures.push(failureOf(address, error));
      }
    }),
  );
  const first = answered[0];
  if (first === undefined) return [nothingAnswers(examination, failures)];
  examination.address = first;
  // Every machine looks both up for itself; servers that listen on one of them are meant so.
  if (target.host === 'localhost') return [];
  return someAnswer(target.host, answered, failures);
};

function nothingAnswers({ target }: Examination, failures: readonly Failure[]): Finding {
  const { address, kind, reason } =
    failures.find((failure) => failure.kind === 'refused') ??
    failures.find((failure) => failure.kind === 'timeout') ??
    failures[0]!;
  const facts = { address: address.address, port: target.port, reason };
  if (kind === 'refused') return finding('tcp-refused', facts);
  return finding(kind === 'timeout' ? 'tcp-timeout' : 'tcp-unreachable', facts);
}

function someAnswer(host: string, answered: readonly HostAddress[], failures: readonly Failure[]): readonly Finding[] {
  const failed = failures.find(
    // A machine without IPv6 knows no way to any such address, and its programs do not try.
    ({ address, kind }) => kind !== 'unreachable' || answered.some(({ family }) => family === address.family),
  );
  if (failed === undefined) return [];
  const { address, reason } = failed;
  if (answered.some(({ family }) => family === address.family)) {
    return [finding('tcp-one-address', { host, address: address.address, reason })];
  }
  const [works, broken] = address.family === 6 ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
  return [finding('tcp-one-family', { works, broken, address: address.address, reason })];
}

function failureOf(address: HostAddress, error: unknown): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (error instanceof SilenceError || code === 'ETIMEDOUT') return { address, kind: 'timeout', reason: 'no answer' };
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return { address, kind: 'refused', reason: 'refused' };
  return { address, kind: 'unreachable', reason: code };
}
