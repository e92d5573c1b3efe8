/**
 * Builds the pages of docs/connect.md from its text, and runs each in Chromium against a real server. `npm run
 * test:connect` installs the editors first.
 */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { build, preview } from 'vite';
import '../support/built-page.ts';
import { projectFolder } from '../support/lock-file.ts';
import { startChromium } from '../support/chromium.ts';
import { hostileStates } from '../support/hostile-states.ts';
import { Injection } from '../support/injection.ts';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { readConnectDocs, writePage } from './connect-pages.ts';

const pages = join(projectFolder, 'test/client-demo/pages');
const installed = existsSync(join(pages, 'node_modules/yjs'));
/** Below `pages`, so that the packages are found. */
const sources = join(pages, 'site');

/** The input element, the root type with the text, and the caret of another user. */
const editors = [
  { name: 'tiptap', input: '.ProseMirror', root: 'default', caret: '.collaboration-carets__caret' },
  { name: 'codemirror', input: '.cm-content', root: 'codemirror', caret: '.cm-ySelectionCaret' },
  { name: 'prosemirror', input: '.ProseMirror', root: 'prosemirror', caret: '.ProseMirror-yjs-cursor' },
  { name: 'quill', input: '.ql-editor', root: 'quill', caret: '.ql-cursor-caret' },
  { name: 'monaco', input: '.view-lines', root: 'monaco', caret: '.yRemoteSelectionHead' },
  { name: 'blocknote', input: '.bn-editor', root: 'blocknote', caret: '.bn-collaboration-cursor__caret' },
  { name: 'lexical', input: '[contenteditable]', root: 'root', caret: 'span:has(> span[style*="Arial"])' },
] as const;

/** Resolves when the page shows the words; Monaco shows spaces as no-break spaces. */
function sees(page: Page, selector: string, words: string): Promise<void> {
  const shown = page.locator(selector, { hasText: new RegExp(words.replaceAll(' ', '\\s')) });
  return shown.first().waitFor();
}

test(
  'every page of docs/connect.md',
  { skip: installed ? false : 'npm run test:connect installs the editors' },
  async (t) => {
    const docs = readConnectDocs();
    rmSync(sources, { recursive: true, force: true });
    t.after(() => rmSync(sources, { recursive: true }));
    const input: Record<string, string> = {};
    for (const editor of docs.editors) {
      writePage(join(sources, editor.name), docs, editor);
      input[editor.name] = join(sources, editor.name, 'index.html');
    }
    for (const addition of docs.additions.keys()) {
      const plain = docs.editors.find(({ name }) => name === 'codemirror')!;
      writePage(join(sources, addition), docs, plain, addition);
      input[addition] = join(sources, addition, 'index.html');
    }
    const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
    const outDir = tempFolder(t);
    const site = { root: sources, configFile: false, logLevel: 'error' } as const;
    await build({
      ...site,
      build: { outDir, emptyOutDir: true, chunkSizeWarningLimit: 10_000, rollupOptions: { input } },
    });
    const served = await preview({ ...site, build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
    t.after(() => served.close());
    const address = served.resolvedUrls?.local[0];
    assert.ok(address);
    const addressOf = (folder: string, document: string, guard = 'yes'): string =>
      `${address}${folder}/index.html?guard=${guard}&document=${document}&server=${encodeURIComponent(quire.url)}`;

    await t.test('saved.js shows in the title when everything is on disk, and people.js lists the users', async (t) => {
      const open = async (folder: string): Promise<Page> => {
        const context = await browser.newContext();
        t.after(() => context.close());
        const page = await context.newPage();
        await page.goto(addressOf(folder, folder));
        await page.locator('.cm-content').waitFor();
        return page;
      };
      const saved = await open('saved.js');
      await saved.waitForFunction(`document.title === 'Saved'`);
      await saved.evaluate(`{
        window.titles = [];
        const title = document.querySelector('title');
        new MutationObserver(() => titles.push(title.textContent)).observe(title, { childList: true });
      }`);
      await saved.locator('.cm-content').click();
      await saved.keyboard.type('x');
      await saved.waitForFunction(`titles.length > 1 && document.title === 'Saved'`);
      assert.match((await saved.evaluate<string[]>('titles'))[0]!, /^Not saved since \d/);
      const [ada] = [await open('people.js'), await open('people.js')];
      await ada.waitForFunction(`document.title === 'Ada, Ada'`);
    });

    for (const { name, input, root, caret } of editors) {
      await t.test(`${name}: two users type, both see everything, and a third one gets it`, async (t) => {
        const problems: string[] = [];
        const open = async (): Promise<Page> => {
          const context = await browser.newContext();
          t.after(() => context.close());
          const page = await context.newPage();
          page.on('pageerror', (error) => problems.push(String(error)));
          await page.goto(addressOf(name, name));
          await page.locator(input).first().waitFor();
          return page;
        };
        const one = await open();
        await one.locator(input).first().click();
        await one.keyboard.type('written by one');
        const two = await open();
        await sees(two, input, 'written by one');
        await two.locator(input).first().click();
        await two.keyboard.press('Control+End');
        await two.keyboard.type(' and by two');
        await sees(one, input, 'written by one and by two');
        await one.keyboard.press('Home');
        await hasRoomAndCaret(t, one, input, caret);
        await Promise.all([one.close(), two.close()]);
        await sees(await open(), input, 'written by one and by two');
        assert.deepEqual(problems, []);
      });

      for (const [how, guard] of [
        ['by the server alone', 'no'],
        ['by guardPresence alone', 'yes'],
      ] as const) {
        await t.test(`${name}: no presence of another client disturbs two users who type (I6), ${how}`, async (t) => {
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
            await page.goto(addressOf(name, docName, guard));
            await page.locator(input).first().waitFor();
            return { page, problems };
          };
          const { page: author } = await open(null);
          await author.locator(input).first().click();
          await author.keyboard.type('start:');
          const injection = new Injection();
          const { page: victim, problems } = await open(guard === 'yes' ? injection : null);
          await sees(victim, input, 'start:');
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
            await sees(victim, input, `start:${typed}`);
          }
          attacker.destroy();
          await victim.keyboard.press('Control+End');
          await victim.keyboard.type('end');
          await sees(author, input, `start:${typed}end`);
          assert.deepEqual(problems, []);
        });
      }
    }
  },
);

/**
 * The editor is high enough to click. The caret of another user is a thin line right after the text that ends in `two`.
 */
async function hasRoomAndCaret(t: TestContext, page: Page, input: string, caret: string): Promise<void> {
  const box = await page.locator(input).first().boundingBox();
  const height = Math.min(box?.height ?? 0, (await page.locator('#editor').boundingBox())?.height ?? 0);
  assert.ok(height > 150, `the editor is ${height} px high`);
  const line = page.locator(caret).first();
  await line.waitFor({ state: 'attached' });
  const screenshots = process.env['CONNECT_SCREENSHOTS'];
  if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, `${t.name.split(':')[0]}.png`) });
  const drawn = await line.boundingBox();
  assert.ok(drawn !== null && drawn.width <= 6, `the caret is ${drawn?.width} px wide`);
  assert.ok(drawn.height >= 8 && drawn.height <= 50, `the caret is ${drawn.height} px high`);
  const end = await page.evaluate<number>(`(${endOfText})(document.querySelector('${input}'))`);
  assert.ok(Math.abs(drawn.x - end) <= 4, `the caret is at ${drawn.x} px, and the text ends at ${end} px`);
}

/** Runs in the page: the right edge of the text that ends in `two`. */
const endOfText = `(editor) => {
  const texts = document.createTreeWalker(editor, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    if (!/two\\s*$/.test(texts.currentNode.data)) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    return range.getBoundingClientRect().right;
  }
  return -1;
}`;

/** A caret in the form of `relativePositionToJSON`, which y-codemirror.next, y-monaco and Lexical do not read. */
function shortCaret(root: string): { readonly state: unknown } {
  const caret = { anchor: { tname: root }, head: { tname: root } };
  const lexical = { anchorPos: { tname: root }, focusPos: { tname: root }, focusing: true, name: 'm', color: 'red' };
  return { state: { cursor: caret, selection: caret, ...lexical } };
}
