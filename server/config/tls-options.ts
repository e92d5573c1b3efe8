import { domains, flag, httpUrl, oneOf, option, text } from './values.ts';

/** Let's Encrypt. `staging` is for tests: no client trusts its certificates. */
export const acmeDirectories = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;

/** Options for certificates by ACME, and for client certificates. */
export const tlsOptions = {
  'acme-domain': option(
    domains,
    null,
    'names',
    'Get a certificate for these names from an ACME authority, and renew it. Separate names with commas, or repeat the flag. The authority must reach this server under each name.',
  ),
  'acme-email': option(text, null, 'address', 'Address to which the authority may write about the account.'),
  'acme-agree-terms': option(
    flag,
    'false',
    null,
    'You agree to the terms of service of the authority. Without it no certificate is ordered.',
  ),
  'acme-challenge': option(
    oneOf('tls-alpn-01', 'http-01'),
    'tls-alpn-01',
    'way',
    'How the authority verifies that you control the names. tls-alpn-01 connects to port 443 and needs no other port. http-01 connects to port 80 and needs --http-port; use it if a proxy ends TLS in front of Quire.',
  ),
  'acme-directory': option(
    httpUrl,
    acmeDirectories.production,
    'url',
    "Directory URL of the authority. The default is Let's Encrypt.",
  ),
  'acme-staging': option(
    flag,
    'false',
    null,
    "Use the staging directory of Let's Encrypt. Clients do not trust its certificates, and its rate limits are high.",
  ),
  'acme-profile': option(
    text,
    null,
    'name',
    "Certificate profile, if the authority offers several. shortlived of Let's Encrypt is valid for 6 days.",
  ),
  'acme-ca': option(
    text,
    null,
    'file',
    'Root certificate (PEM) that the directory URL of a private authority is verified with.',
  ),
  'tls-client-ca': option(
    text,
    null,
    'file',
    'Authorities (PEM) whose client certificates identify users. Reloaded when the file changes.',
  ),
  'tls-client-auth': option(
    oneOf('required', 'optional'),
    'required',
    'required|optional',
    'required: a client needs a certificate to open a document, and its token, if tokens are configured, must be for the same user. optional: a certificate or a token is enough.',
  ),
} as const;
