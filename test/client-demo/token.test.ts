/** The demo page on a server that wants tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { inChromium, startChromium } from '../support/chromium.ts';
import { guardMs } from '../support/deadline.ts';
import { DemoPage } from '../support/demo-page.ts';
import type { DemoPageOptions } from '../support/demo-page.ts';
import { guardedHeld } from '../support/guarded-quire.ts';
import { StockClient } from '../support/stock-client.ts';
import { tokenFor } from '../support/tokens.ts';

const hourMs = 3_600_000;

test('the demo page with authentication', inChromium, async (t) => {
  const [browser, { quire, clock }] = await Promise.all([startChromium(t), guardedHeld(t)]);
  const token = async (document: string, access: 'read' | 'write' = 'write'): Promise<string> =>
    tokenFor({ document, access, nowMs: await clock.wallMs() });

  const open = async (t: TestContext, docName: string, options: DemoPageOptions = {}): Promise<DemoPage> => {
    const context = await browser.newContext();
    t.after(() => context.close());
    return DemoPage.open(context, quire.httpUrl, docName, options);
  };
  const stored = async (t: TestContext, docName: string): Promise<string> => {
    const reader = new StockClient(quire.url, encodeURIComponent(docName), {
      protocols: ['quire', await token(docName)],
    });
    t.after(() => reader.destroy());
    await reader.synced();
    return reader.doc.getXmlFragment('default').toJSON();
  };
  await t.test(
    'a token in the address opens the document, and leaves the address, all links and all logs',
    async (t) => {
      const sockets: string[] = [];
      const demo = await open(t, 'from the address', {
        token: await token('from the address'),
        prepare: async (page) => page.on('websocket', (socket) => sockets.push(socket.url())),
      });
      assert.equal(demo.page.url(), `${quire.httpUrl}/#from%20the%20address`);
      assert.deepEqual(sockets, [`${quire.url}/from%20the%20address`]);
      const link = String(await demo.page.locator('#open-tab').getAttribute('href'));
      assert.equal(link, `${quire.httpUrl}/#from%20the%20address`);

      await demo.page.reload();
      await demo.status('saved');
      assert.equal(await demo.page.getByLabel('Token').isVisible(), false);

      const opened = demo.page.waitForEvent('popup');
      await demo.page.getByRole('link', { name: 'Open another tab' }).click();
      await (await opened).locator('#status[data-state="saved"]').waitFor({ timeout: guardMs });
      assert.deepEqual(demo.problems, []);
    },
  );

  await t.test('without a token the page asks for one, and takes it from the keyboard', async (t) => {
    const demo = await open(t, 'keyboard', { until: 'refused' });
    const { page } = demo;
    await page.locator('#status', { hasText: 'Refused: unauthorized. Enter a token.' }).waitFor();
    const input = page.getByLabel('Token');
    assert.equal(await input.getAttribute('type'), 'password');
    await page.getByRole('link', { name: 'Skip to the document' }).focus();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.id'), 'token');
    await page.keyboard.type(await token('keyboard'));
    await page.keyboard.press('Enter');
    await demo.status('saved');
    await input.waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Document', 'the focus is not lost');
    await page.keyboard.type('typed at once');
    await demo.status('saved');
    assert.match(await stored(t, 'keyboard'), /typed at once/);
    assert.deepEqual(demo.problems, []);
  });

  await t.test('a token that is refused is asked for again, and any characters may be in it', async (t) => {
    const demo = await open(t, 'bad', { token: 'bad', until: 'refused' });
    for (const bad of ['as bad', 'ümlaut & more', (await token('bad')).slice(0, -4)]) {
      await demo.states();
      await enter(demo, bad);
      await demo.page.locator('#status[data-state="refused"]', { hasText: 'Enter a new token' }).waitFor();
      const states = await demo.states();
      assert.deepEqual([states[0], states.at(-1)], ['connecting', 'refused'], bad);
      assert.equal(await demo.page.getByLabel('Token').inputValue(), '');
    }
    await enter(demo, await token('bad'));
    await demo.status('saved');
    assert.deepEqual(demo.problems, []);
  });

  await t.test('after a token for another document the page takes a second one', async (t) => {
    const demo = await open(t, 'mine', { token: await token('yours'), until: 'refused' });
    await demo.page.locator('#status', { hasText: 'Refused: forbidden. Ask its owner for access, or enter' }).waitFor();
    await enter(demo, await token('mine'));
    await demo.status('saved');
  });

  await t.test('a reader cannot type, and keeps the edit when a token to write comes', async (t) => {
    const reader = await open(t, 'reading', { token: await token('reading', 'read') });
    await reader.caretAfter(0);
    await reader.type('x');
    await reader.page.locator('#status', { hasText: 'you may only read this document' }).waitFor();
    await reader.page.locator('.ProseMirror[contenteditable="false"]').waitFor();
    assert.equal(await stored(t, 'reading'), '');
    await enter(reader, await token('reading'));
    await reader.status('saved');
    await reader.page.locator('.ProseMirror[contenteditable="true"]').waitFor();
    assert.match(await stored(t, 'reading'), /x/);
  });

  await t.test('the writers of the proof have the token of the page, and leave when they may only read', async (t) => {
    const writing = async (access: 'read' | 'write'): Promise<Page> => {
      const docName = `writers ${access}`;
      const { page } = await open(t, docName, { token: await token(docName, access) });
      await page.getByRole('button', { name: 'Proof' }).click();
      await page.getByRole('button', { name: 'Type like mad' }).click();
      return page;
    };
    const [writer, reader] = await Promise.all([writing('write'), writing('read')]);
    // The page and four writers. The token gives all of them one name.
    await writer.locator('#proof-rows tr').nth(4).waitFor();
    await writer.locator('.ProseMirror', { hasText: /\w{3}/ }).waitFor();
    await writer.getByRole('button', { name: 'Stop the writers' }).click();
    await writer.getByRole('button', { name: 'Send the writers away' }).click();
    await reader.getByRole('button', { name: 'Type like mad' }).waitFor();
  });

  await t.test('when the token ends the page asks for another one, and no edit is lost (I1)', async (t) => {
    const demo = await open(t, 'expiry', { token: await token('expiry') });
    await demo.caretAfter(0);
    await demo.type('before, ');
    await demo.status('saved');
    await clock.pass(2 * hourMs);
    await demo.status('refused');
    await demo.page.locator('#status', { hasText: 'new token. Your edits are kept in this browser' }).waitFor();
    await demo.caretAfter(0);
    await demo.type('after');
    await enter(demo, await token('expiry'));
    await demo.status('saved');
    await demo.page.close();
    assert.match(await stored(t, 'expiry'), /before, after/);
  });
});

async function enter({ page }: DemoPage, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Connect' }).click();
}
