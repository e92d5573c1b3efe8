import { domains, flag, httpUrl, oneOf, text } from './values.ts';
import { option } from './option.ts';

/** Let's Encrypt; the second is for trying things out, and nobody trusts its certificates. */
export const acmeDirectories = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;

/** Options about certificates that are obtained, and about those of clients. */
export const tlsOptions = {
  'acme-domain': option(
    domains,
    null,
    'names',
    'Get a certificate for these names from an ACME authority, and renew it. Names with commas between them, or the flag again for each. The authority must reach this server under each name.',
  ),
  'acme-email': option(text, null, 'address', 'Whom the authority may write to about the account.'),
  'acme-agree-terms': option(
    flag,
    'false',
    null,
    'You agree to the terms of service of the authority. Nothing is ordered without it.',
  ),
  'acme-challenge': option(
    oneOf('tls-alpn-01', 'http-01'),
    'tls-alpn-01',
    'way',
    'How the authority looks whether the names are yours: tls-alpn-01 connects to port 443 and needs no other; http-01 connects to port 80, for when a proxy ends TLS on the way, and needs --http-port.',
  ),
  'acme-directory': option(
    httpUrl,
    acmeDirectories.production,
    'url',
    "Directory URL of the authority. Let's Encrypt unless told.",
  ),
  'acme-staging': option(
    flag,
    'false',
    null,
    "Use the staging directory of Let's Encrypt: nobody trusts its certificates, and its limits are wide.",
  ),
  'acme-profile': option(
    text,
    null,
    'name',
    "What kind of certificate, where the authority has several: shortlived, at Let's Encrypt, is for 6 days.",
  ),
  'acme-ca': option(text, null, 'file', 'Root (PEM) to trust for the directory itself, of an authority of your own.'),
  'tls-client-ca': option(
    text,
    null,
    'file',
    'Authorities (PEM) whose client certificates say who somebody is. Read again when it changes.',
  ),
  'tls-client-auth': option(
    oneOf('required', 'optional'),
    'required',
    'required|optional',
    'required: nobody opens a document without a certificate, and tokens, if there are any, must be for the same user. optional: a certificate is as good as a token.',
  ),
} as const;
