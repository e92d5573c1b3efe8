/**
 * The snippets of docs/connect.md, each in Chromium against a real server: `npm run test:connect`, which installs the
 * editors first.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { build, preview } from 'vite';
import { startChromium } from '../support/chromium.ts';
import { hostileStates } from '../support/hostile-states.ts';
import { Injection } from '../support/injection.ts';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';

const pages = fileURLToPath(new URL('../../../test/client-demo/pages/', import.meta.url));
const installed = existsSync(`${pages}node_modules/yjs`);

/** Where one types, where the text is seen, and the root type that holds it. */
const editors = [
  { name: 'tiptap', input: '.ProseMirror', text: '.ProseMirror', root: 'default' },
  { name: 'codemirror', input: '.cm-content', text: '.cm-content', root: 'codemirror' },
  { name: 'prosemirror', input: '.ProseMirror', text: '.ProseMirror', root: 'prosemirror' },
  { name: 'quill', input: '.ql-editor', text: '.ql-editor', root: 'quill' },
  { name: 'monaco', input: '.view-lines', text: '.view-lines', root: 'monaco' },
  { name: 'blocknote', input: '.bn-editor', text: '.bn-editor', root: 'blocknote' },
  { name: 'lexical', input: '[contenteditable]', text: '[contenteditable]', root: 'root' },
] as const;

/** Resolves when the page shows the words; Monaco shows spaces as no-break spaces. */
function sees(page: Page, selector: string, words: string): Promise<void> {
  const shown = page.locator(selector, { hasText: new RegExp(words.replaceAll(' ', '\\s')) });
  return shown.first().waitFor();
}

test(
  'every snippet of docs/connect.md',
  { skip: installed ? false : 'npm run test:connect installs them' },
  async (t) => {
    const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
    const outDir = tempFolder(t);
    await build({ root: pages, logLevel: 'error', build: { outDir, emptyOutDir: true } });
    const site = await preview({
      root: pages,
      logLevel: 'error',
      build: { outDir },
      preview: { host: '127.0.0.1', port: 0 },
    });
    t.after(() => site.close());
    const address = site.resolvedUrls?.local[0];
    assert.ok(address);

    for (const { name, input, text, root } of editors) {
      await t.test(`${name}: two people type, both see all of it, and a third finds it`, async (t) => {
        const problems: string[] = [];
        const open = async (): Promise<Page> => {
          const context = await browser.newContext();
          t.after(() => context.close());
          const page = await context.newPage();
          page.on('pageerror', (error) => problems.push(String(error)));
          await page.goto(`${address}?editor=${name}&server=${encodeURIComponent(quire.url)}&document=${name}`);
          await page.locator(input).first().waitFor();
          return page;
        };
        const one = await open();
        await one.locator(input).first().click();
        await one.keyboard.type('written by one');
        const two = await open();
        await sees(two, text, 'written by one');
        await two.locator(input).first().click();
        await two.keyboard.press('Control+End');
        await two.keyboard.type(' and by two');
        await sees(one, text, 'written by one and by two');
        await Promise.all([one.close(), two.close()]);
        await sees(await open(), text, 'written by one and by two');
        assert.deepEqual(problems, []);
      });

      for (const [how, guard] of [
        ['by the server alone', 'no'],
        ['by guardPresence alone', 'yes'],
      ] as const) {
        await t.test(`${name}: no presence of another client disturbs two who type (I6), ${how}`, async (t) => {
          const docName = `${name}-guard-${guard}`;
          const open = async (injection: Injection | null): Promise<{ page: Page; problems: string[] }> => {
            const context = await browser.newContext();
            t.after(() => context.close());
            const page = await context.newPage();
            const problems: string[] = [];
            page.on('pageerror', (error) => problems.push(String(error)));
            page.on('console', (message) => {
              if (message.type() === 'error') problems.push(message.text());
            });
            await injection?.attach(page);
            const query = `editor=${name}&guard=${guard}&document=${docName}&server=${encodeURIComponent(quire.url)}`;
            await page.goto(`${address}?${query}`);
            await page.locator(input).first().waitFor();
            return { page, problems };
          };
          const { page: author } = await open(null);
          await author.locator(input).first().click();
          await author.keyboard.type('start:');
          const injection = new Injection();
          const { page: victim, problems } = await open(guard === 'yes' ? injection : null);
          await sees(victim, text, 'start:');
          await victim.locator(input).first().click();
          const attacker = new StockClient(quire.url, docName);
          t.after(() => attacker.destroy());
          await attacker.synced();

          let typed = '';
          for (const { state } of [...hostileStates(root), shortCaret(root)]) {
            if (guard === 'yes') injection.show(state, 1);
            else attacker.provider.awareness.setLocalState(state as Record<string, unknown>);
            await attacker.saved();
            typed += 'x';
            await author.keyboard.type('x');
            await sees(victim, text, `start:${typed}`);
          }
          attacker.destroy();
          await victim.keyboard.press('Control+End');
          await victim.keyboard.type('end');
          await sees(author, text, `start:${typed}end`);
          assert.deepEqual(problems, []);
        });
      }
    }
  },
);

/** A caret in the form of `relativePositionToJSON`, which y-codemirror.next, y-monaco and Lexical do not read. */
function shortCaret(root: string): { readonly state: unknown } {
  const caret = { anchor: { tname: root }, head: { tname: root } };
  const lexical = { anchorPos: { tname: root }, focusPos: { tname: root }, focusing: true, name: 'm', color: 'red' };
  return { state: { cursor: caret, selection: caret, ...lexical } };
}
