import type { Examination } from './examination.ts';

/** The request target for a document, with the parameters of the URL, and the token if that is where it goes. */
export function pathTo({ target, folder, tokenWay }: Examination, document: string): string {
  const path = document === target.document ? target.path : `${folder ?? target.folder}${document}`;
  return withQuery(path, target.query, tokenWay === 'query' ? target.token : null);
}

/** The request target for the path of the URL. */
export function ownPath({ target, tokenWay }: Examination): string {
  return withQuery(target.path, target.query, tokenWay === 'query' ? target.token : null);
}

function withQuery(path: string, query: string, token: string | null): string {
  if (token === null) return `${path}${query}`;
  return `${path}${query}${query === '' ? '?' : '&'}token=${encodeURIComponent(token)}`;
}
