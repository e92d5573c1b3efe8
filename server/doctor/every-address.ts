import type { Examination, HostAddress } from './examination.ts';
import { noted } from './finding.ts';
import type { Finding } from './finding.ts';

/**
 * Examines all addresses that answer, in parallel, because a client may get any of them. A finding that is true for all
 * addresses is returned once. The sentence of any other finding names the addresses for which it is true.
 */
export async function atEveryAddress(
  { answering, target }: Examination,
  look: (address: HostAddress) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const found = await Promise.all(answering.map(look));
  const byText = new Map<string, { readonly finding: Finding; readonly addresses: string[] }>();
  for (const [index, findings] of found.entries()) {
    for (const one of findings) {
      const text = `${one.code} ${one.sentence} ${one.advice}`;
      const known = byText.get(text) ?? { finding: one, addresses: [] };
      known.addresses.push(answering[index]!.address);
      byText.set(text, known);
    }
  }
  return [...byText.values()].map((one) => {
    const { length } = one.addresses;
    if (length === answering.length) return one.finding;
    const where = one.addresses.join(', ');
    return noted(`At ${where} (${length} of the ${answering.length} addresses of ${target.host})`, one.finding);
  });
}
