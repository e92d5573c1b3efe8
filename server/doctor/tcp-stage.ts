import { failureOf, unreached } from './connection.ts';
import type { Failure } from './connection.ts';
import { dial } from './dial.ts';
import { measured } from './examination.ts';
import type { Examination, HostAddress, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';

/** Some names have dozens of addresses. */
const maxAddresses = 8;

/** Connects to every address of the host, of both families. */
export const tcpStage: Stage = async (examination) => {
  const { target, deps } = examination;
  const addresses = examination.addresses.slice(0, maxAddresses);
  const failures: Failure[] = [];
  const answered = new Set<HostAddress>();
  const startMs = deps.monotonicMs();
  await Promise.all(
    addresses.map(async (address) => {
      try {
        const socket = await dial(address.address, target.port, deps.stepTimeoutMs);
        socket.destroy();
        if (answered.size === 0) measured(examination, 'tcp', `${Math.round(deps.monotonicMs() - startMs)} ms`);
        answered.add(address);
      } catch (error) {
        failures.push(failureOf(address, error));
      }
    }),
  );
  // In the order in which clients try the addresses.
  examination.answering = addresses.filter((address) => answered.has(address));
  const [first] = examination.answering;
  if (first === undefined) return [nothingAnswers(examination, failures)];
  examination.address = first;
  // Each machine has both addresses of localhost. A server that listens on only one of them does so on purpose.
  if (target.host === 'localhost') return [];
  return someAnswer(target.host, examination.answering, failures);
};

function nothingAnswers({ target }: Examination, failures: readonly Failure[]): Finding {
  const failure =
    failures.find(({ kind }) => kind === 'refused') ?? failures.find(({ kind }) => kind === 'timeout') ?? failures[0]!;
  return unreached(failure.address, target.port, failure);
}

function someAnswer(host: string, answered: readonly HostAddress[], failures: readonly Failure[]): readonly Finding[] {
  const failed = failures.find(
    // A machine without IPv6 has no route to any IPv6 address, and its programs do not try them.
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
