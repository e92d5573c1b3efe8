/**
 * Characters that change how a terminal shows the text around them: control characters (C0, DEL, C1), overrides of the
 * text direction, and characters without width.
 */
const hidden =
  /[\p{Cc}\p{Cs}\p{Co}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Reports cut text of a peer after this many characters. */
export const maxPeerText = 200;

/**
 * Makes text safe to print: replaces each hidden character by U+FFFD, and cuts the text after `maxLength` characters.
 */
export function visibleText(text: string, maxLength: number = maxPeerText): string {
  const shown = text.slice(0, maxLength + 1).replaceAll(hidden, '\ufffd');
  return shown.length > maxLength ? `${shown.slice(0, maxLength)}…` : shown;
}
