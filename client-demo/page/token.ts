import type { WebsocketProvider } from 'y-websocket';
import { setToken } from '../client/authorized.ts';
import { decode } from './document-name.ts';

const key = 'quire/token';

/** The end of a fragment like `#notes/first?token=abc`. Names of documents are encoded, so they contain no `?`. */
const tokenInFragment = /\?token=([^?]*)$/;

/**
 * The token of this tab, or null. A token in the fragment of the page's URL moves to the session storage: links that
 * are copied and the history then do not contain it, and a reload still has it. An empty one (`?token=`) removes it.
 * Browsers do not send the fragment, so a proxy cannot log the token.
 */
export function takeToken(): string | null {
  const url = new URL(location.href);
  const given = tokenInFragment.exec(url.hash)?.[1];
  if (given !== undefined) {
    if (given === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, decode(given));
    url.hash = url.hash.replace(tokenInFragment, '');
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
