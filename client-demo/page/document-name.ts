/**
 * The name of the document is the fragment of the page's URL. So a link contains everything, a reload opens the same
 * document, and the server needs only one file. Browsers do not send the fragment, so no request for the page contains
 * the name.
 */
const adjectives =
  'amber brave calm clever cosy crisp eager fair gentle glad keen kind lively lucky mellow merry neat noble proud quick quiet rosy silver sunny swift tidy warm wise'.split(
    ' ',
  );
const nouns =
  'acorn badger birch brook cedar cloud comet coral crane dune falcon fern finch harbor heron island lantern maple meadow otter pebble pine raven river robin sparrow willow wren'.split(
    ' ',
  );

const pick = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)]!;

/** A readable name, one of 1.3 billion: two users do not get the same one by chance. */
export function randomName(): string {
  const digits = Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return `${pick(adjectives)}-${pick(nouns)}-${digits}`;
}

/** The name in the page's URL. If there is none, puts a random one there. */
export function documentName(): string {
  const name = decode(location.hash.slice(1));
  if (name !== '') return name;
  const fresh = randomName();
  history.replaceState(null, '', linkTo(fresh));
  return fresh;
}

/** The URL at which the page opens this document. */
export function linkTo(name: string): string {
  const url = new URL(location.href);
  url.hash = encodeURIComponent(name);
  return url.href;
}

/** Undoes `encodeURIComponent`. Text that is not encoded stays as it is. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
