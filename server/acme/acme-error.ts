import { excerpt } from '../limits/peer-text.ts';

/** The part of a problem document (RFC 7807) that ACME uses. */
export interface Problem {
  readonly type?: string;
  readonly detail?: string;
  /** One for each name, where names fail for reasons of their own. */
  readonly subproblems?: readonly Problem[];
  readonly identifier?: { readonly value?: string };
}

/** Authorities give a few sentences, and one for each name. */
const maxMessageLength = 1_000;

const typePrefix = 'urn:ietf:params:acme:error:';

/** What to do, by the type of the problem (RFC 8555, 6.7) or by what kept us from asking. */
const advice: Readonly<Record<string, string>> = {
  'no-answer':
    'Look whether this machine reaches the URL of --acme-directory; for an authority of your own give its root with --acme-ca.',
  'bad-answer':
    'Look whether --acme-directory is the directory URL of an ACME authority; it may have trouble of its own.',
  'no-challenge': 'The authority does not offer this way for the name: choose the other with --acme-challenge.',
  timeout: 'The authority takes too long; it is asked again.',
  unusable:
    'The certificate that the authority gave cannot be served; it is asked again. If its dates are wrong, check the clock of this machine.',
  accountDoesNotExist: 'The account is registered anew.',
  alreadyReplaced: 'The certificate is ordered anew.',
  badCSR: 'The authority does not issue for these names together: look at --acme-domain.',
  badSignatureAlgorithm: 'The authority takes no ES256 accounts: choose another.',
  caa: 'A CAA record of the domain names other authorities: add this one, or remove the record.',
  connection:
    'The authority must reach this server from outside: port 443 for tls-alpn-01, port 80 for http-01. Look at firewall, ' +
    'port forwarding, and whether A and AAAA records both lead here.',
  dns: 'The name must have an A or AAAA record that leads here; a new record takes a while to be seen.',
  externalAccountRequired:
    'The authority wants an account that was made on its site, which is not supported: choose another.',
  incorrectResponse:
    'Something else answered for the name: look whether its A and AAAA records lead here, and not to a proxy or another server.',
  invalidContact: 'Correct --acme-email.',
  malformed: 'The authority does not understand: look at --acme-domain, --acme-email and --acme-profile.',
  rateLimited:
    'Too many certificates or failures: it is tried again when the authority allows it. Use --acme-staging to try things out.',
  rejectedIdentifier: 'The authority does not issue for this name: look at --acme-domain.',
  serverInternal: 'The authority has trouble of its own; it is asked again.',
  tls: 'What answered on port 443 did not speak acme-tls/1: if a proxy ends TLS before this server, use --acme-challenge http-01.',
  unauthorized:
    'Something else answered for the name: look whether its A and AAAA records lead here, and not to a proxy or another server.',
  unsupportedContact: 'Correct --acme-email.',
  unsupportedIdentifier: 'The authority does not issue for this name: look at --acme-domain.',
  userActionRequired: 'The terms of the authority have changed: read what it says, and agree on its site.',
};

/** No certificate could be had. The message is the authority's or ours; `advice` says what to do. */
export class AcmeError extends Error {
  override readonly name = 'AcmeError';
  /** The last part of the problem's type, such as `rateLimited`; one of ours if the authority did not say it. */
  readonly code: string;
  /** When to come again at the earliest, as the authority says, in milliseconds from now; null if it does not. */
  readonly retryAfterMs: number | null;

  constructor(code: string, message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(excerpt(message, maxMessageLength), options);
    this.code = excerpt(code, 100);
    this.retryAfterMs = retryAfterMs;
  }

  get advice(): string {
    return advice[this.code] ?? 'See what the authority says.';
  }
}

/** What the authority says is wrong. `fallback` is for an answer that says nothing. */
export function problemError(problem: Problem, fallback: string, retryAfterMs: number | null = null): AcmeError {
  const { type = '', detail, subproblems = [] } = problem;
  const [first] = subproblems;
  // Of a problem that only sums up, the parts say what it is.
  const decisive = type === `${typePrefix}compound` && first?.type !== undefined ? first.type : type;
  const code = decisive.startsWith(typePrefix) ? decisive.slice(typePrefix.length) : 'bad-answer';
  const parts = subproblems.map((part) => `${part.identifier?.value ?? 'a name'}: ${part.detail ?? part.type ?? '?'}`);
  return new AcmeError(code, [detail ?? fallback, ...parts].join('; '), retryAfterMs);
}
