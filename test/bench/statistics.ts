/** The value below which `fraction` of `values` lie; NaN if there are no values. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted.length >> 1;
  return ((sorted[upper] ?? NaN) + (sorted[sorted.length - 1 - upper] ?? NaN)) / 2;
}

/** `median (least-greatest)` with three significant digits. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return '-';
  if (values.length === 1) return digits(values[0] ?? NaN);
  return `${digits(median(values))} (${digits(Math.min(...values))}-${digits(Math.max(...values))})`;
}

export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
