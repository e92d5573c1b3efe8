import { excerpt } from '../limits/peer-text.ts';

/** The part of a problem document (RFC 7807) that ACME uses. */
export interface Problem {
  readonly type?: string;
  readonly detail?: string;
  /** One for each name, if the names fail for different reasons. */
  readonly subproblems?: readonly Problem[];
  readonly identifier?: { readonly value?: string };
}

/** Authorities send a few sentences, plus one for each name. */
const maxMessageLength = 1_000;

const typePrefix = 'urn:ietf:params:acme:error:';

/** Advice to the operator, by the type of the problem (RFC 8555, 6.7) or by a code of Quire's own. */
const advice: Readonly<Record<string, string>> = {
  'no-answer':
    'Check that this machine can reach the URL of --acme-directory. For a private authority, pass its root with --acme-ca.',
  'bad-answer':
    'Check that --acme-directory is the directory URL of an ACME authority. The authority may also have a problem.',
  'no-challenge':
    'The authority does not offer this challenge for the name. Choose the other one with --acme-challenge.',
  timeout: 'The authority takes too long. Quire asks again later.',
  unusable:
    'The issued certificate cannot be served. Quire asks again later. If its dates are wrong, check the clock of this machine.',
  accountDoesNotExist: 'Quire registers the account again.',
  alreadyReplaced: 'Quire orders the certificate again.',
  badCSR: 'The authority does not issue a certificate for these names together. Check --acme-domain.',
  badSignatureAlgorithm: 'The authority does not accept ES256 accounts. Choose another authority.',
  caa: 'A CAA record of the domain names other authorities. Add this authority, or remove the record.',
  connection:
    'The authority must reach this server from outside: port 443 for tls-alpn-01, port 80 for http-01. Check the ' +
    'firewall, port forwarding, and that both the A and AAAA records point to this server.',
  dns: 'The name must have an A or AAAA record that points to this server. A new record takes a while to become visible.',
  externalAccountRequired:
    'The authority requires an account created on its site, which Quire does not support. Choose another authority.',
  incorrectResponse:
    'Another server answered for the name. Check that its A and AAAA records point to this server, and not to a proxy.',
  invalidContact: 'Correct --acme-email.',
  malformed: 'The authority does not understand the request. Check --acme-domain, --acme-email and --acme-profile.',
  rateLimited:
    'Too many certificates or failures. Quire retries when the authority allows it. Use --acme-staging for experiments.',
  rejectedIdentifier: 'The authority does not issue certificates for this name. Check --acme-domain.',
  serverInternal: 'The authority has an internal problem. Quire asks again later.',
  tls: 'The server that answered on port 443 does not support acme-tls/1. If a proxy terminates TLS, use --acme-challenge http-01.',
  unauthorized:
    'Another server answered for the name. Check that its A and AAAA records point to this server, and not to a proxy.',
  unsupportedContact: 'Correct --acme-email.',
  unsupportedIdentifier: 'The authority does not issue certificates for this name. Check --acme-domain.',
  userActionRequired: "The authority's terms have changed. Read its message, and agree to the terms on its site.",
};

/**
 * A certificate could not be obtained. The message comes from the authority or from Quire; `advice` says what to do.
 */
export class AcmeError extends Error {
  override readonly name = 'AcmeError';
  /** The last part of the problem's type, such as `rateLimited`, or a code of Quire's own. */
  readonly code: string;
  /** How long the authority asks to wait before the next attempt, in milliseconds; null if it does not say. */
  readonly retryAfterMs: number | null;

  constructor(code: string, message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(excerpt(message, maxMessageLength), options);
    this.code = excerpt(code, 100);
    this.retryAfterMs = retryAfterMs;
  }

  get advice(): string {
    return advice[this.code] ?? "See the authority's message.";
  }
}

/** Converts a problem document to an error. `fallback` is the message for a problem without a detail. */
export function problemError(problem: Problem, fallback: string, retryAfterMs: number | null = null): AcmeError {
  const { type = '', detail, subproblems = [] } = problem;
  const [first] = subproblems;
  // A compound problem only sums up; its first part has the type.
  const decisive = type === `${typePrefix}compound` && first?.type !== undefined ? first.type : type;
  const code = decisive.startsWith(typePrefix) ? decisive.slice(typePrefix.length) : 'bad-answer';
  const parts = subproblems.map((part) => `${part.identifier?.value ?? 'a name'}: ${part.detail ?? part.type ?? '?'}`);
  return new AcmeError(code, [detail ?? fallback, ...parts].join('; '), retryAfterMs);
}
