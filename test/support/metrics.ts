import type { Quire } from './quire.ts';

/** The metrics of a server, by name and labels: `quire_rooms`, `quire_sessions_ended_total{error="malformed"}`. */
export async function metricsOf(quire: Quire): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${quire.httpUrl}/metrics`, { headers: { connection: 'close' } });
  const metrics = new Map<string, number>();
  for (const line of (await answer.text()).split('\n')) {
    const found = /^(quire_\S+) (\S+)$/.exec(line);
    if (found?.[1] !== undefined) metrics.set(found[1], Number(found[2]));
  }
  return metrics;
}
