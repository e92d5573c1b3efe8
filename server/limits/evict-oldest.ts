/**
 * If a map has more than `max` entries, deletes the first one, which was inserted longest ago. Call it after each
 * insertion.
 */
export function evictOldest<Key>(map: Map<Key, unknown>, max: number): void {
  if (map.size <= max) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
