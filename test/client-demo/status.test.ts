import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Page, WebSocketRoute } from 'playwright-core';
import { inChromium, startChromium } from '../support/chromium.ts';
import { DemoPage } from '../support/demo-page.ts';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';

/** The document on the server, read by a new client. */
async function stored(t: TestContext, quire: Quire, docName: string): Promise<string> {
  const reader = new StockClient(quire.url, encodeURIComponent(docName));
  t.after(() => reader.destroy());
  await reader.synced();
  reader.provider.disconnect();
  return reader.doc.getXmlFragment('default').toJSON();
}

test('the status line in Chromium', inChromium, async (t) => {
  const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
  const open = async (t: TestContext, docName: string, options = {}): Promise<DemoPage> => {
    const context = await browser.newContext();
    t.after(() => context.close());
    return DemoPage.open(context, quire.httpUrl, docName, options);
  };

  await t.test(
    'a server that is killed while a user types loses nothing, and no page says "saved" meanwhile (I1)',
    async (t) => {
      const writer = await open(t, 'killed');
      const reader = await open(t, 'killed');
      await writer.caretAfter(0);
      await writer.type('before ');
      await writer.status('saved');
      await writer.states();

      const words: string[] = [];
      const enough = new AbortController();
      const type = async (): Promise<void> => {
        while (!enough.signal.aborted) {
          words.push(`word${words.length} `);
          await writer.type(words.at(-1)!, 10);
        }
      };
      const typing = type();
      await reader.sees('word5');
      await quire.process.kill();
      await writer.status('offline');
      await writer.page.locator('#status', { hasText: 'edits are kept in this browser' }).waitFor();
      const whileDown = await writer.states();
      assert.deepEqual(whileDown.slice(whileDown.lastIndexOf('offline')), ['offline'], String(whileDown));
      await quire.restart();
      enough.abort();
      await typing;
      await writer.status('saved');
      // Killed at the moment at which the page says "saved". The pages are closed, so they cannot send it again.
      await quire.process.kill();
      const back = await writer.states();
      assert.ok(back.indexOf('saved') > back.indexOf('syncing'), String(back));
      await Promise.all([writer, reader].map(({ page }) => page.close()));
      await quire.restart();
      assert.ok((await stored(t, quire, 'killed')).includes(`before ${words.join('')}`));
      assert.deepEqual([...writer.problems, ...reader.problems], []);
    },
  );

  await t.test('edits that two users make offline are kept, saved and merged when they reconnect (I4)', async (t) => {
    const one = await open(t, 'offline');
    const two = await open(t, 'offline');
    await one.caretAfter(0);
    await one.type('start');
    await two.sees('start');
    for (const person of [one, two]) {
      await person.page.getByLabel('Go offline').check();
      await person.page
        .locator('#status', { hasText: 'Everything is saved. New edits are kept in this browser' })
        .waitFor();
    }
    await one.caretAfter(0);
    await one.type(' and one');
    await two.caretAfter(0);
    await two.type('\nand two');
    await one.page.locator('#status', { hasText: 'Your edits are kept in this browser' }).waitFor();
    assert.ok(!(await stored(t, quire, 'offline')).includes('and one'));

    // After a reload, the browser's copy has the edits that the server does not have.
    await two.kept('offline');
    await two.page.reload();
    await two.sees('and two');
    await one.page.getByLabel('Go offline').uncheck();
    await Promise.all([one.sees('and two'), two.sees('and one'), one.status('saved'), two.status('saved')]);
    await one.converged(2);
    assert.deepEqual(await two.blocks(), await one.blocks());
    assert.deepEqual(
      (await one.blocks()).map((text) => text.trim()),
      ['start and one', 'and two'],
    );
  });

  await t.test('a tab with unsaved edits asks before it closes, a saved one does not', async (t) => {
    const writer = await open(t, 'closing');
    await writer.caretAfter(0);
    await writer.type('saved. ');
    await writer.status('saved');
    await writer.page.getByLabel('Go offline').check();
    await writer.caretAfter(0);
    await writer.type('not saved');
    await writer.status('offline');
    const asked = writer.page.waitForEvent('dialog');
    await writer.page.close({ runBeforeUnload: true });
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();

    await writer.page.getByLabel('Go offline').uncheck();
    await writer.status('saved');
    const closed = writer.page.waitForEvent('close');
    await writer.page.close({ runBeforeUnload: true });
    await closed;
  });

  await t.test('"saved" waits for the server, not for the connection (I1)', async (t) => {
    const held: (() => void)[] = [];
    const answers = new EventEmitter();
    let holding = false;
    const writer = await open(t, 'slow disk', {
      prepare: (page: Page) =>
        page.routeWebSocket(/sync/, (socket) => {
          const server = socket.connectToServer();
          server.onMessage((message) => {
            const isProbe = typeof message !== 'string' && message[0] === 102;
            if (!holding || !isProbe) return socket.send(message);
            held.push(() => socket.send(message));
            answers.emit('held');
          });
        }),
    });
    holding = true;
    const answered = once(answers, 'held');
    await writer.caretAfter(0);
    await writer.states();
    await writer.type('first');
    await writer.status('saving');
    await answered;
    assert.deepEqual(await writer.states(), ['saving']);
    assert.equal(held.length, 1, 'one probe at a time');
    holding = false;
    held.forEach((send) => send());
    await writer.status('saved');
  });

  await t.test('a refused page says why and what to do, and can try again', async (t) => {
    let refuse = true;
    const reader = await open(t, 'refused', {
      prepare: (page: Page) =>
        page.routeWebSocket(/sync/, (socket) => {
          if (refuse) void socket.close({ code: 4413, reason: 'update too large' });
          else socket.connectToServer();
        }),
      until: 'refused',
    });
    await reader.page.locator('#status', { hasText: 'Refused: update too large. Undo what was too large' }).waitFor();
    refuse = false;
    await reader.page.getByRole('button', { name: 'Try again' }).click();
    await reader.status('saved');
  });

  await t.test('a reader sees the edits of others and cannot type (I5)', async (t) => {
    const writer = await open(t, 'reading');
    const viewer = await open(t, 'reading', { query: '?view' });
    await writer.caretAfter(0);
    await writer.type('for everybody');
    await viewer.sees('for everybody');
    await viewer.page.locator('.ProseMirror').click();
    await viewer.type('not for a reader');
    assert.equal(await viewer.page.locator('.ProseMirror').getAttribute('contenteditable'), 'false');
    assert.deepEqual(await viewer.blocks(), ['for everybody']);
    assert.ok(!(await stored(t, quire, 'reading')).includes('not for a reader'));
  });

  await t.test(
    'an edit that the server drops for a reader is never called saved, and the editor becomes read-only (I5)',
    async (t) => {
      const denied = Buffer.from('\u0002\u0000\u0009read only', 'latin1');
      const drop = (socket: WebSocketRoute): void => {
        const server = socket.connectToServer();
        let refused = false;
        socket.onMessage((message) => {
          const isEdit = typeof message !== 'string' && message[0] === 0 && message[1] === 2;
          const isProbe = typeof message !== 'string' && message[0] === 102;
          if (isEdit) socket.send(denied);
          refused ||= isEdit;
          if (!isEdit && !(refused && isProbe)) server.send(message);
        });
      };
      const reader = await open(t, 'no writing', { prepare: (page: Page) => page.routeWebSocket(/sync/, drop) });
      await reader.states();
      await reader.caretAfter(0);
      await reader.type('x');
      await reader.status('refused');
      await reader.page.locator('#status', { hasText: 'you may only read this document' }).waitFor();
      await reader.page.locator('.ProseMirror[contenteditable="false"]').waitFor();
      assert.ok(!(await reader.states()).includes('saved'));
      await reader.page.getByRole('button', { name: 'Discard this copy' }).click();
      await reader.status('saved');
      assert.deepEqual(await reader.blocks(), ['']);
    },
  );
});
