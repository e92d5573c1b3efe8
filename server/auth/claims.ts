import { AccessError } from './access-error.ts';

/** Access to one document, or to all documents whose names share a prefix. */
export interface DocumentClaim {
  /** Exact, or a prefix that ends in `*`. Document names cannot end in `*`, so the two forms are never mixed up. */
  readonly name: string;
  readonly access: 'read' | 'write';
}

/** The claims of a token. */
export interface Claims {
  readonly userId: string;
  readonly name: string | null;
  readonly color: string | null;
  /** In milliseconds since 1970. */
  readonly expiresMs: number;
  readonly tokenId: string | null;
  readonly documents: readonly DocumentClaim[];
  /** May use the HTTP API. Gives no access to documents. */
  readonly admin: boolean;
}

/** A user's id and name are part of every presence state, and the id is part of every log entry. */
const maxTextLength = 256;
/** About as many as fit into a token that fits into a header. Each join reads them once. */
const maxDocuments = 256;
/** The largest time that a Date can hold, in seconds. A later expiry is a mistake. */
const maxSeconds = 8_640_000_000_000;

/** Reads the payload of a token whose signature was verified. Throws AccessError. */
export function readClaims(payload: Readonly<Record<string, unknown>>): Claims {
  const { sub, name, color, exp, jti, documents, admin } = payload;
  return {
    userId: readText(sub, 'sub'),
    name: readOptionalText(name, 'name'),
    color: readOptionalText(color, 'color'),
    expiresMs: readSeconds(exp, 'exp') * 1_000,
    tokenId: readOptionalText(jti, 'jti'),
    documents: readDocuments(documents),
    admin: admin === true,
  };
}

/** The access to a document: the most that any of the claims allows, or null. */
export function accessTo(documents: readonly DocumentClaim[], docId: string): 'read' | 'write' | null {
  let access: 'read' | 'write' | null = null;
  for (const claim of documents) {
    const matches = claim.name.endsWith('*') ? docId.startsWith(claim.name.slice(0, -1)) : docId === claim.name;
    if (matches && claim.access === 'write') return 'write';
    if (matches) access = claim.access;
  }
  return access;
}

/** This and the functions below throw AccessError. `field` names the value in the log. */
export function readText(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= maxTextLength) return value;
  throw new AccessError('unauthorized', `'${field}' must be a string of 1 to ${maxTextLength} characters`);
}

export function readOptionalText(value: unknown, field: string): string | null {
  return value === undefined || value === null ? null : readText(value, field);
}

/** A time in seconds since 1970, as in a token. */
export function readSeconds(value: unknown, field: string): number {
  if (typeof value === 'number' && value > 0 && value <= maxSeconds) return value;
  throw new AccessError('unauthorized', `'${field}' must be a time in seconds since 1970`);
}

export function readAccess(value: unknown): 'read' | 'write' {
  if (value === 'read' || value === 'write') return value;
  throw new AccessError('unauthorized', "'access' must be 'read' or 'write'");
}

function readDocuments(value: unknown): DocumentClaim[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxDocuments) {
    throw new AccessError('unauthorized', `'documents' must be a list of up to ${maxDocuments}`);
  }
  return value.map((entry: unknown) => {
    const { name, access } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    return { name: readText(name, 'documents.name'), access: readAccess(access) };
  });
}
