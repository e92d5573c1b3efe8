import { atEveryAddress } from './every-address.ts';
import { measured } from './examination.ts';
import type { Examination, HostAddress, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { probeNames } from './name-probe.ts';
import { fitsProtocol, mayShowToken, ownPath, tokenProtocols } from './document-request.ts';
import { isLoopback } from './target.ts';
import { isWithheld, refused, requestFailed } from './upgrade-refusal.ts';
import { requestUpgrade } from './upgrade-request.ts';
import type { UpgradeAnswer } from './upgrade-request.ts';

/** Requests a WebSocket at every address. */
export const upgradeStage: Stage = async (examination) => {
  const { target, answering } = examination;
  const isMixed = !target.secure && target.origin?.startsWith('https:') === true;
  const origin = target.origin ?? '';
  if (isMixed && !isLoopback(target.host)) return [finding('upgrade-mixed-content', { origin })];
  const first = examination.address!;
  let probed = false;
  const probe = async (): Promise<boolean> => {
    probed = true;
    const { isQuire, folder } = await probeNames(examination, first);
    examination.folder = folder;
    return isQuire;
  };
  if (mayShowToken(examination, answering)) {
    const prefersProtocol = fitsProtocol(target) && (await probe());
    examination.tokenWay = prefersProtocol ? 'protocol' : 'query';
  }
  const findings = [...(await atEveryAddress(examination, (address) => ask(examination, address)))];
  if (findings.some(({ severity }) => severity === 'error')) return findings;
  const exposed = answering.find((address) => isWithheld(examination, address));
  if (exposed !== undefined) return [...findings, finding('upgrade-token-withheld', { address: exposed.address })];
  if (!probed) await probe();
  if (isMixed) findings.push(finding('upgrade-mixed-loopback', { origin }));
  return findings;
};

async function ask(examination: Examination, address: HostAddress): Promise<readonly Finding[]> {
  const { target, deps } = examination;
  const startMs = deps.monotonicMs();
  const protocols = tokenProtocols(examination);
  let answer: UpgradeAnswer;
  try {
    answer = await requestUpgrade(examination, address, {
      path: ownPath(examination),
      origin: target.origin,
      protocols,
    });
  } catch (error) {
    return [await requestFailed(examination, address, error)];
  }
  if (answer.status !== 101) return [await refused(examination, address, answer)];
  if (address === examination.address) {
    measured(examination, 'upgrade', `${Math.round(deps.monotonicMs() - startMs)} ms`);
  }
  return accepted(answer, protocols);
}

/** The findings for a response with status 101. */
function accepted({ headers, accepted: isOurs }: UpgradeAnswer, protocols: readonly string[]): readonly Finding[] {
  const protocol = headers['sec-websocket-protocol'];
  const extension = headers['sec-websocket-extensions'];
  const upgrade = headers.upgrade?.toLowerCase();
  if (upgrade !== 'websocket' || !/\bupgrade\b/i.test(headers.connection ?? '')) return [finding('upgrade-incomplete')];
  if (!isOurs) return [finding('upgrade-bad-accept')];
  if (protocol !== undefined && protocol !== protocols[0]) return [finding('upgrade-protocol', { protocol })];
  if (extension !== undefined) return [finding('upgrade-extension', { extension })];
  return [];
}
