/** Problems of TLS and of the certificate. */
export const tlsFindings = {
  'tls-plain-http': {
    stage: 'tls',
    severity: 'error',
    sentence: 'Port {port} speaks plain HTTP, not TLS.',
    advice:
      'Use ws:// for this port, or the port that speaks TLS (8443, or 443 of the proxy). Behind a proxy that ends TLS, connect to the proxy.',
  },
  'tls-not-tls': {
    stage: 'tls',
    severity: 'error',
    sentence: "Port {port} speaks another protocol; it begins with '{beginning}'.",
    advice: 'Another program listens there: use the port of the sync server.',
  },
  'tls-too-old': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The server speaks only TLS versions older than 1.2, which browsers refuse.',
    advice: 'Enable TLS 1.2 and 1.3 where TLS ends (nginx: ssl_protocols TLSv1.2 TLSv1.3).',
  },
  'tls-no-cipher': {
    stage: 'tls',
    severity: 'error',
    sentence: 'Client and server have no cipher in common.',
    advice:
      'Remove the restriction of ciphers where TLS ends, and check that certificate and ciphers fit (ECDSA or RSA).',
  },
  'tls-alpn': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The server does not offer HTTP/1.1 (ALPN), which a WebSocket needs.',
    advice: 'Offer http/1.1 beside h2 where TLS ends; a load balancer for gRPC or HTTP/2 only does not do.',
  },
  'tls-name-refused': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The server has no certificate for the name {host}, and says so.',
    advice: 'Add the name to the site in the proxy (Caddy: the site address; SNI), or use the name that it serves.',
  },
  'tls-silent': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The port is open, but the TLS handshake gets no answer within {seconds} s.',
    advice:
      'Something in between takes the connection and passes nothing on (a firewall that inspects TLS, a load balancer without a live target), or the server hangs.',
  },
  'tls-cut': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The connection is cut in the middle of the TLS handshake.',
    advice:
      'A firewall that filters by name, or a load balancer whose target refuses: try from another network, and look into the log of what ends TLS.',
  },
  'tls-client-certificate': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The server asks for a client certificate.',
    advice:
      'Turn off client certificates for this address, or use a client that has one; browsers cannot choose one for a WebSocket.',
  },
  'tls-expired': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The certificate expired on {date}.',
    advice:
      'Renew it (certbot renew) and check that the server or proxy has loaded the new one. Quire reloads by itself; nginx needs a reload.',
  },
  'tls-chain-expired': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate of the server is valid, but that of '{subject}', which signed it, expired on {date}.",
    advice: 'Replace the chain: use the current fullchain.pem of the authority.',
  },
  'tls-not-yet-valid': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate of '{subject}' is not valid before {date}.",
    advice: 'Check the clock of the machine that issued it, or wait.',
  },
  'tls-clock': {
    stage: 'tls',
    severity: 'error',
    sentence:
      "The clock of this machine is off by {offset} from that of the server; by the server's clock the certificate is valid.",
    advice: 'Set the clock of this machine (NTP): certificates and tokens depend on it.',
  },
  'tls-self-signed': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The certificate is self-signed.',
    advice:
      'Use one of a public authority (ACME), or for development the one that Quire makes, with its authority (--ca).',
  },
  'tls-development': {
    stage: 'tls',
    severity: 'error',
    sentence: 'This is a development certificate of Quire, and this client does not trust its authority.',
    advice:
      'Trust it: NODE_EXTRA_CA_CERTS=<data>/tls/ca.pem for Node, or add that file to the browser; here: --ca <data>/tls/ca.pem. For other people use a real certificate.',
  },
  'tls-private-authority': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate is signed by '{issuer}', an authority that is not public.",
    advice:
      'Give clients the certificate of that authority (NODE_EXTRA_CA_CERTS; here --ca), or use a public one. If it is an intermediate of an authority that you trust, let the server send it (fullchain.pem). If you do not know the name, a proxy in between reads your traffic.',
  },
  'tls-missing-intermediate': {
    stage: 'tls',
    severity: 'error',
    sentence: "The server does not send the certificate of the intermediate '{issuer}', and clients do not have it.",
    advice:
      "Serve the full chain (fullchain.pem instead of cert.pem). Browsers sometimes find the certificate by themselves, programs and phones do not. If '{issuer}' is itself a root, give it by --ca.",
  },
  'tls-other-authority': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate is signed by '{issuer}', but with another key than that of the authority in --ca.",
    advice:
      'The authority was made again under the same name: give its present certificate by --ca, and to all clients (for the one that Quire makes: <data>/tls/ca.pem).',
  },
  'tls-staging': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate is from the staging environment of Let's Encrypt ('{issuer}'), which no client trusts.",
    advice:
      'Staging is for trying things out. Obtain a real one: Quire without --acme-staging, certbot without --staging (and with --force-renewal), Caddy without acme_ca.',
  },
  'tls-acme-pending': {
    stage: 'tls',
    severity: 'error',
    sentence: 'ACME has not obtained a certificate yet: Quire serves its placeholder.',
    advice:
      "See the log of the server: 'certificate not obtained' says why, and what to do. Right after the first start it takes up to a minute.",
  },
  'tls-common-name': {
    stage: 'tls',
    severity: 'error',
    sentence:
      "The certificate has a common name only, '{subject}', and no subject alternative name: browsers and phones refuse it.",
    advice: 'Have it issued with the name in subjectAltName (openssl req -addext "subjectAltName=DNS:{host}").',
  },
  'tls-purpose': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate of '{subject}' is not meant for servers (extended key usage without serverAuth).",
    advice: 'Have it issued for servers: extendedKeyUsage = serverAuth. One for clients does not do.',
  },
  'tls-weak': {
    stage: 'tls',
    severity: 'error',
    sentence: "The certificate of '{subject}' has {reason}, which browsers and phones refuse.",
    advice: 'Have it issued again, with an ECDSA key or an RSA key of 2048 bits, and signed with SHA-256.',
  },
  'tls-wrong-name': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The certificate is for {names}, not for {host}.',
    advice: 'Use one of these names, or have the certificate issued for {host} too.',
  },
  'tls-address': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The URL has an address, {host}; the certificate is for {names}.',
    advice: 'Use the name: certificates are rarely issued for addresses.',
  },
  'tls-default-certificate': {
    stage: 'tls',
    severity: 'error',
    sentence:
      "What answers is the placeholder certificate of a proxy ('{subject}'): it knows no certificate for {host}.",
    advice:
      'Add {host} to the TLS configuration of the proxy (Ingress: spec.tls; Traefik: a router with that host and a resolver).',
  },
  'tls-untrusted': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The certificate cannot be verified: {reason}.',
    advice: 'Check the chain with openssl s_client -connect {host}:{port} -showcerts.',
  },
  'tls-handshake': {
    stage: 'tls',
    severity: 'error',
    sentence: 'The TLS handshake fails: {reason}.',
    advice: 'See the log of the server or proxy that ends TLS; openssl s_client -connect {host}:{port} shows more.',
  },
  'tls-long-lived': {
    stage: 'tls',
    severity: 'warning',
    sentence: 'The certificate is valid for {days} days; Apple devices refuse more than {max}.',
    advice: 'Have it issued for a shorter time, and renewed automatically.',
  },
  'tls-expires-soon': {
    stage: 'tls',
    severity: 'warning',
    sentence: 'The certificate expires on {date}, in {days} days: less than a third of its life is left.',
    advice: 'Renewal should have happened by now: look into the log of the program that renews it.',
  },
} as const;
