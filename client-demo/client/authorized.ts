import type { WebsocketProvider } from 'y-websocket';

/** Close codes of the server: the token was refused, or its time is over. */
const unauthorized = 4401;
const grantEnded = 4501;
/** When a token is fetched anew, as a part of its lifetime: what is left covers a slow network. */
const refreshAt = 0.8;
const retryMs = 5_000;
/** The longest that a timer can wait. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Connects a provider that was made with `connect: false`, and keeps it connected over the ends of its tokens. `getToken`
 * resolves with a token of your application; it is called at the start, before a token expires, and when the server has
 * sent the client away for one that has. What is edited meanwhile stays in the document, and goes to the server with
 * the next connection. If `getToken` rejects, it is asked again every 5 s.
 *
 * A token that is refused is replaced once; if the next is refused as well, the provider stops (see `onRefused`).
 * Tokens of letters, digits, `.`, `-` and `_` (all JWTs) travel as a subprotocol, which stays out of access logs; others
 * as `?token=`.
 *
 * Needs y-websocket 3.1 or newer. Returns a function that ends this; call it before the provider is destroyed.
 */
export function keepAuthorized(provider: WebsocketProvider, getToken: () => Promise<string>): () => void {
  const { shouldReconnect } = provider;
  let token = '';
  let usedToken = '';
  let replaced = false;
  /** The provider must not connect before there is a token. */
  let waiting = true;
  let fetching = false;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const fetchToken = async (): Promise<void> => {
    if (fetching) return;
    fetching = true;
    clearTimeout(timer);
    let nextMs = retryMs;
    try {
      const fetched = await getToken();
      if (stopped) return;
      token = fetched;
      setToken(provider, token);
      nextMs = refreshAt * lifetimeMs(token);
      if (waiting) {
        waiting = false;
        provider.connect();
      }
    } catch {
      // The application cannot be reached: it is asked again, and the document is edited on meanwhile.
    } finally {
      fetching = false;
    }
    if (!stopped && nextMs < maxTimerMs) timer = setTimeout(() => void fetchToken(), nextMs);
  };

  provider.shouldReconnect = (event, from) => {
    const { code } = event;
    if (code !== grantEnded && (code !== unauthorized || replaced)) return shouldReconnect(event, from);
    replaced ||= code === unauthorized;
    // A newer token may be there already.
    if (token === usedToken) {
      waiting = true;
      provider.shouldConnect = false;
      void fetchToken();
    }
    return true;
  };
  const onStatus = ({ status }: { status: string }): void => {
    if (status === 'connecting') usedToken = token;
  };
  const onSync = (synced: boolean): void => {
    if (synced) replaced = false;
  };
  provider.on('status', onStatus);
  provider.on('sync', onSync);
  void fetchToken();

  return () => {
    stopped = true;
    clearTimeout(timer);
    provider.shouldReconnect = shouldReconnect;
    provider.off('status', onStatus);
    provider.off('sync', onSync);
  };
}

/** The provider sends this token from its next connection on: as a subprotocol if its characters allow that. */
export function setToken(provider: WebsocketProvider, token: string): void {
  if (/^[\w.-]+$/.test(token)) provider.protocols = ['quire', token];
  else provider.params = { ...provider.params, token };
}

/** By the clock of whoever signed it, as this one may be wrong; Infinity if the token does not say. */
function lifetimeMs(token: string): number {
  try {
    const payload = token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/');
    const { exp, iat = Date.now() / 1_000 } = JSON.parse(atob(payload)) as { exp: number; iat?: number };
    return exp > iat ? (exp - iat) * 1_000 : Infinity;
  } catch {
    return Infinity;
  }
}
