/**
 * The document's name is the part of the address after `#`: a link is complete, survives a reload and needs nothing
 * from the server but one file. The browser keeps that part to itself, so the name is in no request for the page.
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

/** Readable, and one of half a billion: nobody stumbles over somebody else's document. */
export function randomName(): string {
  const digits = Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return `${pick(adjectives)}-${pick(nouns)}-${digits}`;
}

/** The name in the address; a random one is put there if there is none. */
export function documentName(): string {
  const name = decode(location.hash.slice(1));
  if (name !== '') return name;
  const fresh = randomName();
  history.replaceState(null, '', linkTo(fresh));
  return fresh;
}

/** The address of a document, as it can be copied. */
export function linkTo(name: string): string {
  const url = new URL(location.href);
  url.hash = encodeURIComponent(name);
  return url.href;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
