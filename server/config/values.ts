import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** An option, set by a flag or an environment variable. */
export interface Option<Value, Default extends string | null> {
  readonly parse: (value: string) => Value;
  /** As written on the command line; null if there is none. */
  readonly default: Default;
  /** The placeholder of the value in the help; null for a flag without a value. */
  readonly value: string | null;
  /** The effect of the option, and the reason for its default. */
  readonly help: string;
}

export function option<Value, Default extends string | null>(
  parse: (value: string) => Value,
  defaultText: Default,
  value: string | null,
  help: string,
): Option<Value, Default> {
  return { parse, default: defaultText, value, help };
}

/** The configuration or command line is invalid. The message says how to correct it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** An invalid value. The message completes "<option> ...", as in "--port must be ...". */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/** This and the functions below parse the value of an option. They throw ValueError. */
export function text(value: string): string {
  if (value.trim() === '') throw new ValueError('must not be empty');
  return value;
}

/** Several strings, separated by commas. */
export function list(value: string): readonly string[] {
  const texts = value.split(',').map((part) => part.trim());
  if (texts.includes('')) throw new ValueError('must be one or more texts with commas between them');
  return texts;
}

/** Document names, or prefixes of names that end in `*`. */
export type DocumentNames = (docId: string) => boolean;

export function documentNames(value: string): DocumentNames {
  const patterns = list(value);
  return (docId) =>
    patterns.some((pattern) => (pattern.endsWith('*') ? docId.startsWith(pattern.slice(0, -1)) : docId === pattern));
}

/** Host names for a certificate, in lower case. */
export function domains(value: string): readonly string[] {
  const names = list(value).map((name) => domainToASCII(name.toLowerCase()) || name);
  for (const name of names) {
    if (name.startsWith('*.')) {
      throw new ValueError(
        `cannot be a wildcard such as '${name}', which authorities give by DNS only: list the names`,
      );
    }
    if (isIP(name) !== 0 || !domainPattern.test(name) || name.length > 253) {
      throw new ValueError(`must be names such as docs.example.org, not '${name}'`);
    }
  }
  return [...new Set(names)];
}

/** At least two labels, because no authority issues for a name such as `localhost`. */
const domainPattern = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The error does not repeat the value, because it may contain a password. */
export function httpUrl(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new ValueError('must be a URL that begins with https:// or http://');
}

/**
 * Origins as browsers and web views send them, in lower case: `https://example.com`, `capacitor://localhost`,
 * `chrome-extension://<id>`, `null` for sandboxed pages and files, or `*` for every page.
 */
export function origins(value: string): readonly string[] {
  return list(value).map((text) => {
    const origin = text.toLowerCase();
    if (origin === '*' || origin === 'null' || isOrigin(origin)) return origin;
    throw new ValueError(`must be origins such as https://example.com or capacitor://localhost, or *, not '${text}'`);
  });
}

/** The schemes for which the URL standard defines an origin. For others it returns "null". */
function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return false;
  return url.origin === 'null' ? otherOriginPattern.test(text) : url.origin === text;
}

/** A scheme and a host, and nothing after them. */
const otherOriginPattern = /^(?!file:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/;

/** Addresses and ranges of addresses (CIDR). */
export function addressRanges(value: string): BlockList {
  const ranges = new BlockList();
  for (const text of list(value)) {
    const [address = '', prefix, ...rest] = text.split('/');
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : wholeNumber(prefix);
    if (version === 0 || length === null || length > bits || rest.length > 0) {
      throw new ValueError(`must be addresses or ranges such as 10.0.0.0/8 or fd00::/8; '${text}' is none`);
    }
    ranges.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
  }
  return ranges;
}

export function flag(value: string): boolean {
  if (['true', '1', 'yes', 'on'].includes(value)) return true;
  if (['false', '0', 'no', 'off'].includes(value)) return false;
  throw new ValueError(`must be true or false, not '${value}'`);
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): (value: string) => Choice {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw new ValueError(`must be one of ${choices.join(', ')}, not '${value}'`);
    return choice;
  };
}

export function port(value: string): number {
  const number = wholeNumber(value);
  if (number !== null && number <= 65_535) return number;
  const hint = value.startsWith('tcp://')
    ? ' (Kubernetes sets this for a service named quire: turn off enableServiceLinks, or give the flag)'
    : '';
  throw new ValueError(`must be a port from 1 to 65535, or 0 for any free one, not '${value}'${hint}`);
}

export function portOrOff(value: string): number | 'off' {
  return value === 'off' ? 'off' : port(value);
}

export function count(value: string): number {
  const number = wholeNumber(value);
  if (number === null || number === 0) throw new ValueError(`must be a whole number above 0, not '${value}'`);
  return number;
}

const durationsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const sizesInBytes = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

/** The longest time that a Node timer can wait. */
const maxTimerMs = 2 ** 31 - 1;

/** In milliseconds. */
export function duration(value: string): number {
  const durationMs = withUnit(value, durationsMs, 'a time with a unit, such as 500ms, 10s, 5m or 1h');
  if (durationMs === 0 || durationMs > maxTimerMs) throw new ValueError(`must be from 1ms to 596h, not '${value}'`);
  return durationMs;
}

/** In bytes, above 0. */
export function size(value: string): number {
  const bytes = sizeOrZero(value);
  if (bytes === 0) throw new ValueError(`must be above 0, not '${value}'`);
  return bytes;
}

/** In bytes. */
export function sizeOrZero(value: string): number {
  return withUnit(value, sizesInBytes, 'a size with a unit, such as 512KB, 64MB or 1GB');
}

function withUnit(value: string, units: Readonly<Record<string, number>>, expected: string): number {
  const match = /^(\d{1,12})\s*([a-z]+)$/i.exec(value);
  const unit = Object.keys(units).find((name) => name.toLowerCase() === match?.[2]?.toLowerCase());
  if (match?.[1] === undefined || unit === undefined) throw new ValueError(`must be ${expected}, not '${value}'`);
  return Number(match[1]) * units[unit]!;
}

function wholeNumber(value: string): number | null {
  return /^\d{1,9}$/.test(value) ? Number(value) : null;
}
