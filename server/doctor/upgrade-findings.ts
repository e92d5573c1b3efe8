/** Problems of the request for a WebSocket. */
export const upgradeFindings = {
  'upgrade-headers-stripped': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'A proxy strips the Upgrade header: Quire is reached, but by a plain request.',
    advice:
      'Let the proxy pass it on. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade". See docs/proxies.md.',
  },
  'upgrade-http-1-0': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'A proxy speaks HTTP/1.0 to Quire, which has no WebSockets.',
    advice: 'nginx does so by default: add proxy_http_version 1.1; to the location. See docs/proxies.md.',
  },
  'upgrade-headers-changed': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Something changes the WebSocket headers on the way: {reason}.',
    advice: 'Let the proxy pass Sec-WebSocket-Key and Sec-WebSocket-Version on as they are.',
  },
  'upgrade-ignored': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The answer is a page (status {status}) instead of a WebSocket.',
    advice: 'The path leads to a web site: route /sync/ to Quire in the proxy, with the Upgrade header passed on.',
  },
  'upgrade-required': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server misses the Upgrade header (status 426).',
    advice:
      'A proxy on the way strips it, or speaks HTTP/2 to the server: it must pass Upgrade and Connection on, over HTTP/1.1.',
  },
  'upgrade-bad-request': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The request is refused as malformed (status 400): {reason}.',
    advice:
      'Look into the log of the proxy, then of the server: too long headers, a cookie too big, a wrong Host, or missing Upgrade headers.',
  },
  'upgrade-needs-tls': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Port {port} speaks TLS, and the URL says ws://.',
    advice: 'Use wss:// for this port.',
  },
  'upgrade-redirect': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The answer is a redirect to {location}; WebSockets do not follow redirects.',
    advice: 'Use that address in the URL, or turn the redirect off for /sync/.',
  },
  'upgrade-redirect-tls': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server redirects to TLS ({location}); WebSockets do not follow redirects.',
    advice: 'Use wss:// in the URL.',
  },
  'upgrade-token-missing': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server wants a login (status 401), and no token was given.',
    advice: 'Give one: --token. If a proxy asks (basic authentication), take /sync/ out of that.',
  },
  'upgrade-token-refused': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The token is refused (status 401).',
    advice:
      'Fetch a fresh one; check its expiry, its signature and audience, and the clocks. The log of the server says why.',
  },
  'upgrade-origin': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Pages of {origin} may not connect (status 403); without an origin it works.',
    advice: 'Add {origin} to --allowed-origins.',
  },
  'upgrade-host-changed': {
    stage: 'upgrade',
    severity: 'error',
    sentence:
      'Pages of {origin} may not connect (status 403), although it is the host of the URL: a proxy changes the Host header.',
    advice:
      'Let the proxy pass Host on (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On). If Quire runs with --allowed-origins, that list must name {origin} too.',
  },
  'upgrade-forbidden': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Access is forbidden (status 403), with every origin.',
    advice:
      'A firewall for web applications, a list of addresses or a rule of the proxy refuses: its log says which. Quire itself refuses tokens after the upgrade.',
  },
  'upgrade-proxy-login': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'A proxy between wants a login (status 407).',
    advice: 'Configure this client for the proxy, or have the address exempted.',
  },
  'upgrade-wrong-path': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Quire answers, but not at {path}.',
    advice: 'WebSockets are served at /sync/<document>: correct the URL, or the path that the proxy passes on.',
  },
  'upgrade-not-found': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'There is nothing at {path} (status 404), and what answers is not Quire.',
    advice: 'Route /sync/ to Quire in the proxy.',
  },
  'upgrade-bad-document': {
    stage: 'upgrade',
    severity: 'error',
    sentence: "The document's name is refused: {reason}.",
    advice: 'Choose another name; see docs/protocol.md.',
  },
  'upgrade-throttled': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Too many requests come from here (status 429).',
    advice:
      'Wait; then look which limit it was, of the proxy or of the server, and for a client that connects in a loop.',
  },
  'upgrade-server-error': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server has failed on the request (status 500).',
    advice: 'Its log says why.',
  },
  'upgrade-bad-gateway': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The proxy cannot reach the server behind it (status 502).',
    advice: 'Start Quire, and check the address, the port and the scheme (http or https) that the proxy has for it.',
  },
  'upgrade-unavailable': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The proxy has no server to pass it to (status 503).',
    advice: 'Its health checks fail or its target list is empty: let it ask /readyz, and look at what that says.',
  },
  'upgrade-overloaded': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Quire has as many connections as it may (status 503).',
    advice: 'Raise --max-connections, and the limit of open files with it.',
  },
  'upgrade-restarting': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'Quire is shutting down (status 503).',
    advice: 'Try again in a moment; if it stays so, the old process does not end.',
  },
  'upgrade-gateway-timeout': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server behind the proxy does not answer in time (status 504).',
    advice: 'It hangs, or a firewall between proxy and server drops packets.',
  },
  'upgrade-status': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The answer is status {status} instead of 101: {reason}.',
    advice: 'Look into the log of what answers ({server}).',
  },
  'upgrade-bad-accept': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The answer 101 has a wrong Sec-WebSocket-Accept: it is not an answer to this request.',
    advice: 'A cache or a proxy answers in place of the server: turn caching off for /sync/.',
  },
  'upgrade-incomplete': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The answer is 101, but without the headers Upgrade: websocket and Connection: Upgrade.',
    advice: 'A proxy removes them from the answer: let it pass them back.',
  },
  'upgrade-mixed-content': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The page {origin} comes over https and the URL says ws://: browsers block that as mixed content.',
    advice: 'Use wss:// in the URL: let Quire or a proxy end TLS.',
  },
  'upgrade-mixed-loopback': {
    stage: 'upgrade',
    severity: 'warning',
    sentence:
      'The page {origin} comes over https and the URL says ws://, which is mixed content: Safari blocks it, Chrome and Firefox make an exception for this machine.',
    advice: 'Use wss:// in the URL. For any other host all browsers block ws:// on such a page.',
  },
  'upgrade-token-withheld': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The doctor did not send the token: over ws:// everyone on the way to {address} can read it.',
    advice:
      'Use wss:// in the URL, also in the page. On the machine of the server itself the doctor sends it over ws://, too.',
  },
  'upgrade-protocol': {
    stage: 'upgrade',
    severity: 'error',
    sentence: "The server selects the subprotocol '{protocol}', which was not offered; clients hang up.",
    advice: 'Remove the fixed Sec-WebSocket-Protocol header from the proxy or the server.',
  },
  'upgrade-extension': {
    stage: 'upgrade',
    severity: 'error',
    sentence: "The server uses the extension '{extension}', which was not offered; clients hang up.",
    advice: 'Remove the fixed Sec-WebSocket-Extensions header from the proxy or the server.',
  },
  'upgrade-http2': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The server speaks HTTP/2 although HTTP/1.1 was agreed on.',
    advice: 'Turn on HTTP/1.1 for this port (h2 only ports cannot do WebSockets of stock clients).',
  },
  'upgrade-not-http': {
    stage: 'upgrade',
    severity: 'error',
    sentence: "The answer is not HTTP; it begins with '{beginning}'.",
    advice: 'Another program listens there: use the port of the sync server.',
  },
  'upgrade-cut': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The connection is cut after the request, without an answer.',
    advice:
      'A firewall that blocks WebSockets, or a server that crashes on the request: try from another network, and look into the log.',
  },
  'upgrade-silent': {
    stage: 'upgrade',
    severity: 'error',
    sentence: 'The request for a WebSocket gets no answer within {seconds} s.',
    advice: "A proxy holds it back, waiting for a body or for the server: look at the server's own port to tell which.",
  },
} as const;
