import type { WebsocketProvider } from 'y-websocket';

/** Close codes of the server: the token was refused, or it has expired. */
const unauthorized = 4401;
const grantEnded = 4501;
/** The part of a token's lifetime after which the next one is fetched. The rest covers a slow network. */
const refreshAt = 0.8;
const retryMs = 5_000;
/** The longest delay of a timer. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Connects a provider that was made with `connect: false`, and keeps it connected when its tokens expire. `getToken`
 * resolves with a token of your application. It is called at the start, before a token expires, and after the server
 * has closed the connection because a token has expired. Edits made meanwhile stay in the document, and are sent with
 * the next connection. If `getToken` rejects, it is called again every 5 s.
 *
 * A token that is refused is replaced once. If the next one is refused too, the provider stops (see `onRefused`).
 * Tokens of letters, digits, `.`, `-` and `_` (all JWTs) are sent as a subprotocol, which stays out of access logs.
 * Others are sent as `?token=`.
 *
 * Needs y-websocket 3.1 or newer. Returns a function that ends this. Call it before the provider is destroyed.
 */
export function keepAuthorized(provider: WebsocketProvider, getToken: () => Promise<string>): () => void {
  const { shouldReconnect } = provider;
  let token = '';
  let usedToken = '';
  let replaced = false;
  /** There is no token to connect with yet. */
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
      // The application cannot be reached. The next attempt follows after `retryMs`.
    } finally {
      fetching = false;
    }
    if (!stopped && nextMs < maxTimerMs) timer = setTimeout(() => void fetchToken(), nextMs);
  };

  provider.shouldReconnect = (event, from) => {
    const { code } = event;
    if (code !== grantEnded && (code !== unauthorized || replaced)) return shouldReconnect(event, from);
    replaced ||= code === unauthorized;
    // A newer token may have come already.
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

/** Makes the provider send this token from its next connection on: as a subprotocol if its characters allow that. */
export function setToken(provider: WebsocketProvider, token: string): void {
  if (/^[\w.-]+$/.test(token)) provider.protocols = ['quire', token];
  else provider.params = { ...provider.params, token };
}

/**
 * From `iat` to `exp`, both by the signer's clock, because the clock of this machine may be wrong. Infinity without
 * `exp`.
 */
function lifetimeMs(token: string): number {
  try {
    const payload = token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/');
    const { exp, iat = Date.now() / 1_000 } = JSON.parse(atob(payload)) as { exp: number; iat?: number };
    return exp > iat ? (exp - iat) * 1_000 : Infinity;
  } catch {
    return Infinity;
  }
}
