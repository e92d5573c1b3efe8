/** A text that a reader takes in as one: the lines of a comment, a string, a paragraph, a table cell. */
export interface Passage {
  /** One line. */
  readonly text: string;
  /** The line of the file in which the character at this place of `text` stands. The first line is 1. */
  lineAt(index: number): number;
}

interface Line {
  readonly text: string;
  readonly number: number;
}

/** Comments and strings of TypeScript, JavaScript and CSS. Code in backquotes inside a comment is blanked out. */
export function passagesOfSource(source: string): Passage[] {
  const passages: Passage[] = [];
  let lines: Line[] = [];
  const end = (): void => {
    if (lines.length > 0) passages.push(passageOf(lines));
    lines = [];
  };
  for (const { kind, text, line } of proseTokens(source)) {
    if (kind === 'string') {
      end();
      passages.push(passageOf(numbered(text, line)));
    } else if (kind === 'line') {
      // Comments on successive lines are one text.
      if (lines.at(-1)?.number !== line - 1) end();
      lines.push({ text: withoutCode(text.slice(2)), number: line });
    } else {
      end();
      for (const { text: row, number } of numbered(withoutCode(text.slice(2, -2)), line)) {
        const words = row.replace(/^\s*\*+/, '').trim();
        if (words === '' || words.startsWith('- ')) end();
        if (words !== '') lines.push({ text: words, number });
      }
      end();
    }
  }
  end();
  return passages;
}

/** Paragraphs, headings, list items and table cells of Markdown. Code, in fences or backquotes, is blanked out. */
export function passagesOfMarkdown(source: string): Passage[] {
  const passages: Passage[] = [];
  let lines: Line[] = [];
  let fence: string | null = null;
  const end = (): void => {
    if (lines.length > 0) passages.push(passageOf(lines));
    lines = [];
  };
  for (const { text, number } of numbered(withoutCode(source), 1)) {
    const mark = /^\s*(```|~~~)/.exec(text)?.[1] ?? null;
    if (mark !== null && (fence === null || fence === mark)) fence = fence === null ? mark : null;
    if (mark !== null || fence !== null || /^\s*$/.test(text)) {
      end();
    } else if (/^\s*\|/.test(text)) {
      end();
      for (const cell of text.split('|')) passages.push(passageOf([{ text: cell.trim(), number }]));
    } else {
      const begins = /^\s*([-*+]|\d+\.|#+|>) +/.exec(text);
      if (begins !== null) end();
      lines.push({ text: text.slice(begins?.[0].length ?? 0), number });
      if (begins?.[1]?.startsWith('#') === true) end();
    }
  }
  end();
  return passages;
}

/** The comments of files in which `#` begins one. */
export function passagesOfHashComments(source: string): Passage[] {
  const passages: Passage[] = [];
  let lines: Line[] = [];
  const end = (): void => {
    if (lines.length > 0) passages.push(passageOf(lines));
    lines = [];
  };
  for (const { text, number } of numbered(source, 1)) {
    const comment = /(?:^|\s)# ?(.*)/.exec(text)?.[1];
    if (comment === undefined) end();
    else lines.push({ text: comment, number });
  }
  end();
  return passages;
}

/** The text of a page, a line at a time, and the texts of its attributes with it. */
export function passagesOfHtml(source: string): Passage[] {
  const texts = source.replaceAll(/<\/?[\w-]+|[\w-]+="|"?>/g, (tag) => ' '.repeat(tag.length));
  return numbered(texts, 1).flatMap(({ text, number }) =>
    text.trim() === '' ? [] : [passageOf([{ text: text.trim(), number }])],
  );
}

function passageOf(lines: readonly Line[]): Passage {
  const texts = lines.map(({ text }) => text.trim());
  return {
    text: texts.join(' '),
    lineAt: (index) => {
      let end = 0;
      const at = texts.findIndex((text) => index < (end += text.length + 1));
      return lines[at]?.number ?? lines.at(-1)!.number;
    },
  };
}

function numbered(text: string, first: number): Line[] {
  return text.split('\n').map((line, index) => ({ text: line, number: first + index }));
}

/** Keeps the length and the line breaks. */
function withoutCode(text: string): string {
  return text.replaceAll(/`[^`\n]+`/g, (code) => '_'.repeat(code.length));
}

interface Token {
  readonly kind: 'line' | 'block' | 'string';
  readonly text: string;
  readonly line: number;
}

/** In the order of their alternatives. A backquote and `${` are handled by the caller, because templates nest. */
const token =
  /(?<space>\s+)|(?<line>\/\/.*)|(?<block>\/\*[^]*?\*\/)|(?<string>'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*")|(?<word>[\w$]+)|(?<other>[^])/y;
const regExp = /\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const templateText = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
/** After these a slash begins a regular expression. After other words and after brackets that close, it divides. */
const beforeRegExp = /^(?:[^\w$)\]}]|return|typeof|case|in|of|void|await|yield|)$/;

function* proseTokens(source: string): Generator<Token> {
  /** For each template that is open: how many braces are open inside its `${`. */
  const templates: number[] = [];
  let last = '';
  let line = 1;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found !== null) at += found[0].length;
    return found;
  };
  const passed = (text: string): void => {
    line += text.split('\n').length - 1;
  };

  while (at < source.length) {
    if (source[at] === '/' && !/^\/[/*]/.test(source.slice(at, at + 2)) && beforeRegExp.test(last)) {
      if (take(regExp) !== null) {
        last = ')';
        continue;
      }
    }
    const closesHole = source[at] === '}' && templates.at(-1) === 0;
    if (closesHole) templates.pop();
    if (source[at] === '`' || closesHole) {
      at++;
      const text = take(templateText)![0];
      yield { kind: 'string', text, line };
      passed(text);
      if (source[at] === '$') {
        templates.push(0);
        at += 2;
        last = '{';
      } else {
        at++;
        last = ')';
      }
      continue;
    }
    const { space, line: comment, block, string, word, other } = take(token)!.groups!;
    const kind =
      comment !== undefined ? 'line' : block !== undefined ? 'block' : string !== undefined ? 'string' : null;
    const text = space ?? comment ?? block ?? string ?? '';
    if (kind !== null) yield { kind, text: kind === 'string' ? text.slice(1, -1) : text, line };
    passed(text);
    if (string !== undefined) last = ')';
    if (word !== undefined || other !== undefined) last = (word ?? other)!;
    if (templates.length > 0 && other === '{') templates[templates.length - 1]!++;
    if (templates.length > 0 && other === '}') templates[templates.length - 1]!--;
  }
}
