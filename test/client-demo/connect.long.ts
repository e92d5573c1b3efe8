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
import { Quire } from '../support/quire.ts';
import { tempFolder } from '../support/temp-folder.ts';

const pages = fileURLToPath(new URL('../../../test/client-demo/pages/', import.meta.url));
const installed = existsSync(`${pages}node_modules/yjs`);

/** Where one types, and where the text is seen. */
const editors = [
  { name: 'tiptap', input: '.ProseMirror', text: '.ProseMirror' },
  { name: 'codemirror', input: '.cm-content', text: '.cm-content' },
  { name: 'prosemirror', input: '.ProseMirror', text: '.ProseMirror' },
  { name: 'quill', input: '.ql-editor', text: '.ql-editor' },
  { name: 'monaco', input: '.view-lines', text: '.view-lines' },
  { name: 'blocknote', input: '.bn-editor', text: '.bn-editor' },
  { name: 'lexical', input: '[contenteditable]', text: '[contenteditable]' },
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

    for (const { name, input, text } of editors) {
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
    }
  },
);
