import type { WebsocketProvider } from 'y-websocket';
import { setToken } from './client/authorized.ts';

const key = 'quire/token';

/**
 * The token of this tab, or null. A token in the page's address (`?token=`) moves to the session storage: links that
 * are copied and the history then do not contain it, and a reload still has it. An empty one (`?token=`) removes it.
 */
export function takeToken(): string | null {
  const url = new URL(location.href);
  const given = url.searchParams.get('token');
  if (given !== null) {
    if (given === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, given);
    url.searchParams.delete('token');
    history.replaceState(null, '', url);
  }
  return storedToken();
}

export function storedToken(): string | null {
  return sessionStorage.getItem(key);
}

/** The provider sends this token from its next connection on, and so does this tab after a reload. */
export function useToken(provider: WebsocketProvider, token: string): void {
  sessionStorage.setItem(key, token);
  // The previous token may have been sent in the other way.
  provider.protocols = [];
  provider.params = {};
  setToken(provider, token);
}
