/** Problems after the WebSocket has opened. */
export const syncFindings = {
  'sync-token-missing': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server wants a token (close code 4401), and none was given.',
    advice: 'Give one: --token, or in the page the params of the provider.',
  },
  'sync-token-refused': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The token is refused (close code 4401).',
    advice:
      'Fetch a fresh one; check expiry, signature, issuer and audience, and the clocks. The log of the server says why.',
  },
  'sync-forbidden': {
    stage: 'sync',
    severity: 'error',
    sentence: "The token is good, but not for document '{document}' (close code 4403).",
    advice: 'Have a token issued that names this document.',
  },
  'sync-client-certificate': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server asks for a client certificate, and refuses a client without one (close code 4401: {reason}).',
    advice:
      'Connect with a client that has a certificate of an authority in --tls-client-ca. With --tls-client-auth optional a token does, too: then check the token.',
  },
  'sync-closed-forbidden': {
    stage: 'sync',
    severity: 'error',
    sentence: "Access to the document '{document}' is forbidden (close code 4403: {reason}), and no token was given.",
    advice: 'Give a token that names this document: --token. If the server takes none, its log says why it refuses.',
  },
  'sync-grant-ended': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The access has ended (close code 4501).',
    advice: 'The token expires too soon: issue it for longer, and let the page fetch a fresh one.',
  },
  'sync-refused': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server finds our messages malformed (close code 4400: {reason}).',
    advice: 'Something changes messages on the way, or the server speaks another protocol: compare versions.',
  },
  'sync-deleted': {
    stage: 'sync',
    severity: 'error',
    sentence: "The document '{document}' was deleted (close code {closeCode}: {reason}).",
    advice: 'Open another document, or restore this one.',
  },
  'sync-storage': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server cannot use its storage (close code 4503: {reason}).',
    advice:
      'Run quire doctor on the machine of the server, without a URL: disk full, disk broken, or a damaged document.',
  },
  'sync-limit': {
    stage: 'sync',
    severity: 'error',
    sentence: 'A limit is reached (close code 4529: {reason}).',
    advice: 'Look which one in the metrics of the server, and for clients that use it up.',
  },
  'sync-restarting': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server is restarting (close code 1012).',
    advice: 'Try again in a moment. If it stays so, it is restarted again and again: look into its log.',
  },
  'sync-busy': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server is too busy for new clients (close code 1013).',
    advice: 'Look at its load.',
  },
  'sync-internal': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server has failed (close code 1011).',
    advice: 'Its log says why.',
  },
  'sync-closed': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The connection was closed with code {closeCode}: {reason}.',
    advice: 'Look for that code in docs/protocol.md, or in the documentation of the proxy.',
  },
  'sync-cut': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The WebSocket opens, and is then cut without a close code.',
    advice:
      'A proxy or firewall lets the handshake pass but no frames: look at its WebSocket settings, or use wss:// so that it cannot look inside.',
  },
  'sync-bad-frame': {
    stage: 'sync',
    severity: 'error',
    sentence: 'What comes over the WebSocket is not WebSocket frames: {reason}.',
    advice: 'Something on the way changes the bytes (compression, a filter): use wss://, or exempt the address.',
  },
  'sync-silent': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The WebSocket is open, but nothing comes back within {seconds} s.',
    advice: 'A proxy holds messages back (turn buffering off), or what listens there is no sync server.',
  },
  'sync-echo': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server sends our own messages back and nothing else: an echo service.',
    advice: 'Use the address of the sync server.',
  },
  'sync-text': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server sends text; Yjs speaks in binary messages.',
    advice:
      'Another WebSocket service listens there (Socket.IO, GraphQL, a dev server): use the address of the sync server.',
  },
  'sync-hocuspocus': {
    stage: 'sync',
    severity: 'error',
    sentence: 'A Hocuspocus server listens there, which speaks another protocol than y-websocket.',
    advice:
      'Use the address of Quire in the page; or, if that server is meant, HocuspocusProvider in place of WebsocketProvider.',
  },
  'sync-not-yjs': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server sends binary messages that are none of y-websocket.',
    advice: 'It speaks another protocol (yjs 14), or is no sync server at all: use the address of the sync server.',
  },
  'sync-no-answer': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server speaks y-websocket, but does not answer sync step 1 within {seconds} s.',
    advice: 'Loading the document hangs: look at the storage and the log of the server.',
  },
  'sync-denied': {
    stage: 'sync',
    severity: 'error',
    sentence: 'The server denies the document: {reason}.',
    advice: 'Use a token that allows it.',
  },
  'sync-read-only': {
    stage: 'sync',
    severity: 'warning',
    sentence: 'This token may read, but not write.',
    advice: 'If people should write with it, have it issued with write access.',
  },
  'sync-not-saved': {
    stage: 'sync',
    severity: 'warning',
    sentence: 'The server does not confirm that an edit is saved (no answer to the saved probe).',
    advice: 'If it is Quire: its storage hangs, look at its log. Other servers do not know the question.',
  },
  'sync-not-shared': {
    stage: 'sync',
    severity: 'error',
    sentence: 'An edit of one connection is not there for a second one: they see different documents.',
    advice:
      'Several servers stand behind this address and do not know of each other: send each document to one of them.',
  },
  'sync-not-relayed': {
    stage: 'sync',
    severity: 'error',
    sentence: 'An edit is stored, but other people who are connected do not get it.',
    advice: 'Several servers share the storage but not the live traffic, or a proxy holds small messages back.',
  },
  'latency-slow': {
    stage: 'latency',
    severity: 'warning',
    sentence: 'A round trip takes {p50} ms (p99 {p99} ms): typing of others lags.',
    advice: 'Look at the distance to the server, then at its load, then at the disk (quire doctor there).',
  },
  'latency-uneven': {
    stage: 'latency',
    severity: 'warning',
    sentence: 'Half of the round trips take less than {p50} ms, but some {p99} ms.',
    advice: 'A busy server or disk, or packet loss: measure again over a cable, and run quire doctor on the server.',
  },
  'size-refused': {
    stage: 'size',
    severity: 'error',
    sentence: 'A message of {size} is refused as too large (close code {closeCode}).',
    advice:
      'Raise the limit of the proxy or of the server (--max-message-size): offline edits and pasted images need it.',
  },
  'size-cut': {
    stage: 'size',
    severity: 'error',
    sentence: 'The connection is cut when a message of {size} is sent (close code {closeCode}).',
    advice:
      'A proxy or firewall limits the size of messages: raise it (a web application firewall often has 64 or 128 KB).',
  },
  'size-stalled': {
    stage: 'size',
    severity: 'error',
    sentence: 'A message of {size} does not arrive within {seconds} s; small ones do.',
    advice:
      'Large packets vanish (MTU, a VPN), or a proxy collects whole messages and stops: lower the MTU, turn inspection off.',
  },
  'idle-cut': {
    stage: 'idle',
    severity: 'error',
    sentence: 'An idle connection is cut after {after} s (close code {closeCode}).',
    advice:
      'Raise the idle timeout of the proxy above 60 s (nginx: proxy_read_timeout 1h; AWS ALB: idle_timeout), and let pings through.',
  },
  'idle-dead': {
    stage: 'idle',
    severity: 'error',
    sentence: 'After {after} s of silence the connection looks open, but is dead.',
    advice:
      'A firewall or NAT has forgotten it without a word: let pings pass, or raise its timeout for established connections.',
  },
  'idle-no-ping': {
    stage: 'idle',
    severity: 'warning',
    sentence: 'For {after} s nothing came from the server, no ping either: proxies end such connections after 60 s.',
    advice: 'If it is Quire, a proxy swallows its pings (one every 25 s): let control frames through.',
  },
} as const;
