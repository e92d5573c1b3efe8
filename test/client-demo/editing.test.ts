import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrowserContext } from 'playwright-core';
import { inChromium, startChromium } from '../support/chromium.ts';
import { guardMs } from '../support/deadline.ts';
import { DemoPage } from '../support/demo-page.ts';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';

test('the demo editor in Chromium', inChromium, async (t) => {
  const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
  const contexts = (count: number): Promise<BrowserContext[]> =>
    Promise.all(Array.from({ length: count }, () => browser.newContext()));
  const open = (context: BrowserContext, docName: string): Promise<DemoPage> =>
    DemoPage.open(context, quire.httpUrl, docName);

  await t.test('three users who type at the same time get the same text and the same hash (I4)', async (t) => {
    const people = await Promise.all((await contexts(3)).map((context) => open(context, 'three')));
    t.after(() => Promise.all(people.map(({ page }) => page.context().close())).then(() => {}));
    const [first, second, third] = people as [DemoPage, DemoPage, DemoPage];

    await first.caretAfter(0);
    await first.type('one:\ntwo:\nthree:\nshared:');
    await Promise.all([second.sees('shared:'), third.sees('shared:')]);
    await Promise.all(people.map((person, i) => person.caretAfter(i)));
    await Promise.all(people.map((person, i) => person.type(` it is number ${i + 1} who types this`, 4)));
    await Promise.all(people.map((person) => person.caretAfter(3)));
    await Promise.all(people.map((person, i) => person.type('abcdefgh'.repeat(3) + i, 4)));
    await Promise.all(people.map((person) => person.status('saved')));

    await first.converged(3);
    assert.equal(new Set(await first.hashes()).size, 1);
    const texts = await Promise.all(people.map((person) => person.blocks()));
    assert.deepEqual(texts[1], texts[0]);
    assert.deepEqual(texts[2], texts[0]);
    assert.deepEqual(texts[0]?.slice(0, 3), [
      'one: it is number 1 who types this',
      'two: it is number 2 who types this',
      'three: it is number 3 who types this',
    ]);
    assert.equal(texts[0]?.[3]?.length, 'shared:'.length + 3 * 25);
    assert.deepEqual(people.map(({ problems }) => problems).flat(), []);
  });

  await t.test(
    'users see the name and the caret of each other, and a new name at once; undo reverts only own edits',
    async (t) => {
      const [one, two] = (await Promise.all((await contexts(2)).map((context) => open(context, 'names')))) as [
        DemoPage,
        DemoPage,
      ];
      t.after(() => Promise.all([one, two].map(({ page }) => page.context().close())).then(() => {}));
      await one.caretAfter(0);
      await one.type('from one');
      await two.sees('from one');
      await two.page.locator('.caret-name').waitFor();

      await one.page.locator('#people-button').click();
      await one.page.getByLabel('Your name').fill('Emmy Noether');
      await one.page.keyboard.press('Escape');
      await two.page.locator('#people-button').click();
      await two.page.locator('#people-list', { hasText: 'Emmy Noether' }).waitFor();
      await two.page.keyboard.press('Escape');
      await one.caretAfter(0);
      await two.page.locator('.caret-name', { hasText: 'Emmy Noether' }).waitFor();

      await two.caretAfter(0);
      await two.type(' and from two');
      await one.sees('from one and from two');
      await one.page.getByRole('button', { name: 'Undo my last edit' }).click();
      await two.page.locator('.ProseMirror:not(:has-text("from one"))').waitFor();
      assert.deepEqual(
        (await two.blocks()).map((text) => text.trim()),
        ['and from two'],
      );
    },
  );

  await t.test(
    'the caret stays where the user clicked, although the caret of another user is redrawn at that moment',
    async (t) => {
      const [one, two] = (await contexts(2)) as [BrowserContext, BrowserContext];
      t.after(() => Promise.all([one.close(), two.close()]).then(() => {}));
      const other = await open(one, 'clicks');
      await other.caretAfter(0);
      await other.type('first\nsecond\nthird');
      await other.status('saved');
      const clicker = await DemoPage.open(two, quire.httpUrl, 'clicks', {
        prepare: (page) => page.addInitScript(clickBeforeCaretsAreDrawn),
      });
      await clicker.caretAfter(0);
      await clicker.page.locator('.ProseMirror > :nth-child(3) .caret').waitFor({ state: 'attached' });
      await clicker.page.evaluate('armed = true');
      await other.caretAfter(0);
      assert.equal(await clicker.page.evaluate('caretIs'), 'second');
    },
  );

  await t.test('a reload shows everything, and the link opens the same document in another browser', async (t) => {
    const [here, elsewhere] = (await contexts(2)) as [BrowserContext, BrowserContext];
    t.after(() => Promise.all([here.close(), elsewhere.close()]).then(() => {}));
    const name = 'Ünïcode and / slashes?';
    const writer = await open(here, name);
    await writer.caretAfter(0);
    await writer.type('# Heading\nplain `code` **bold** text\n[ ] a task');
    await writer.status('saved');
    const before = await writer.blocks();
    await writer.page.reload();
    await writer.status('saved');
    assert.deepEqual(await writer.blocks(), before);
    await writer.page.locator('.ProseMirror h1', { hasText: 'Heading' }).waitFor();
    await writer.page.locator('.ProseMirror code', { hasText: 'code' }).waitFor();
    await writer.page.locator('.ProseMirror li[data-checked]', { hasText: 'a task' }).waitFor();
    await writer.page.locator('#documents-button').click();
    await writer.page.locator('#documents-list', { hasText: name }).waitFor();

    const page = await elsewhere.newPage();
    page.setDefaultTimeout(guardMs);
    await page.goto(String(await writer.page.locator('#open-tab').getAttribute('href')));
    await page.locator('.ProseMirror h1', { hasText: 'Heading' }).waitFor();
    assert.equal(await page.locator('#document-name').textContent(), name);
  });

  await t.test('a URL without a name gets a readable name, which stays', async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(guardMs);
    await page.goto(quire.httpUrl);
    await page.locator('#status[data-state="saved"]').waitFor();
    assert.match(page.url(), /\/#[a-z]+-[a-z]+-[a-z0-9]{4}$/);
    const url = page.url();
    await page.reload();
    assert.equal(page.url(), url);
  });

  await t.test(
    'two tabs of one browser share a document, and a tab without a connection is saved through the other (I1)',
    async (t) => {
      const context = await browser.newContext();
      t.after(() => context.close());
      const connected = await open(context, 'two tabs');
      const cutOff = await DemoPage.open(context, quire.httpUrl, 'two tabs', {
        prepare: (page) => page.routeWebSocket(/sync/, (socket) => void socket.close({ code: 1013 })),
        until: 'offline',
      });
      await connected.caretAfter(0);
      await connected.type('typed with a connection. ');
      await cutOff.sees('typed with a connection.');
      await cutOff.caretAfter(0);
      await cutOff.type('Typed without.');
      await connected.sees('connection. Typed without.');
      await connected.status('saved');
      assert.ok(
        !(await cutOff.states()).includes('saved'),
        'the tab without a connection cannot know that it is saved',
      );

      const reader = new StockClient(quire.url, encodeURIComponent('two tabs'));
      t.after(() => reader.destroy());
      await reader.synced();
      assert.match(reader.doc.getXmlFragment('default').toJSON(), /typed with a connection\. Typed without\./);
    },
  );

  await t.test('over https the page connects by wss', async (t) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(guardMs);
    const socket = page.waitForEvent('websocket');
    await page.goto(quire.wssUrl.replace('wss:', 'https:').replace('/sync', '/#secure'));
    await page.locator('#status[data-state="saved"]').waitFor();
    assert.equal((await socket).url(), `${quire.wssUrl}/secure`);
  });

  await t.test(
    'four fast writers that lose their connections end with the same document as all other clients (I4)',
    async (t) => {
      const context = await browser.newContext();
      t.after(() => context.close());
      const watcher = await open(context, 'like mad');
      await watcher.page.getByRole('button', { name: 'Proof' }).click();
      await watcher.page.getByRole('button', { name: 'Type like mad' }).click();
      await watcher.sees('In this section we will examine some examples');
      await watcher.page.getByRole('button', { name: 'Stop the writers' }).click();
      await watcher.page.getByRole('button', { name: 'Send the writers away' }).waitFor();
      await watcher.converged(5);
      await watcher.page.getByRole('button', { name: 'Send the writers away' }).click();
      await watcher.page.getByRole('button', { name: 'Type like mad' }).waitFor();
      await watcher.status('saved');
      assert.deepEqual(watcher.problems, []);
    },
  );
});

/**
 * Moves the browser's selection to the second paragraph, as a click does, just before a timer draws the caret of
 * another user in another paragraph. `caretIs` then contains the paragraph with the caret.
 */
const clickBeforeCaretsAreDrawn = `
  globalThis.armed = false;
  let answer;
  globalThis.caretIs = new Promise((resolve) => { answer = resolve; });
  const block = (node) => node?.parentElement?.closest('.ProseMirror > *');
  const others = () => block(document.querySelector('.caret'));
  const setTimer = globalThis.setTimeout;
  globalThis.setTimeout = (run, ...rest) => setTimer(() => {
    if (!armed) return run();
    const before = others();
    const { anchorNode, anchorOffset } = getSelection();
    getSelection().collapse(document.querySelectorAll('.ProseMirror > *')[1].firstChild, 0);
    run();
    if (others() === before) {
      getSelection().collapse(anchorNode, anchorOffset);
    } else {
      armed = false;
      answer(block(getSelection().focusNode).textContent);
    }
  }, ...rest);
`;
