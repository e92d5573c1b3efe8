import { linkTo } from './document-name.ts';
import { byId, element } from './dom.ts';

const key = 'quire/documents';
const maxKept = 30;

interface Visit {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Records that a document was opened in this browser, and lists all recorded documents, the latest first. */
export function showDocuments(current: string): void {
  const visits = [{ name: current, atMs: Date.now() }, ...load().filter(({ name }) => name !== current)].slice(
    0,
    maxKept,
  );
  localStorage.setItem(key, JSON.stringify(visits));

  const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  byId('documents-list', HTMLUListElement).replaceChildren(
    ...visits.map(({ name, atMs }) => {
      const link = element('a', { href: linkTo(name) }, name);
      if (name === current) link.ariaCurrent = 'page';
      return element('li', {}, link, element('time', {}, day.format(atMs)));
    }),
  );
}

function load(): Visit[] {
  try {
    const visits: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(visits) ? visits.filter(isVisit) : [];
  } catch {
    return [];
  }
}

function isVisit(value: unknown): value is Visit {
  const { name, atMs } = (value ?? {}) as Partial<Record<keyof Visit, unknown>>;
  return typeof name === 'string' && typeof atMs === 'number';
}
