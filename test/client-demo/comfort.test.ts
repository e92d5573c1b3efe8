import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { BrowserContextOptions } from 'playwright-core';
import { inChromium, startChromium } from '../support/chromium.ts';
import { DemoPage } from '../support/demo-page.ts';
import { Quire } from '../support/quire.ts';

test('usability of the demo editor', inChromium, async (t) => {
  const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
  const open = async (t: TestContext, docName: string, options: BrowserContextOptions = {}): Promise<DemoPage> => {
    const context = await browser.newContext(options);
    t.after(() => context.close());
    return DemoPage.open(context, quire.httpUrl, docName);
  };

  await t.test(
    'without a mouse: the toolbar is one tab stop, arrow keys move in it, and every control has a name',
    async (t) => {
      const { page } = await open(t, 'keyboard');
      await page.locator('.ProseMirror').focus();
      await page.keyboard.type('words');
      await page.keyboard.press('Control+a');
      await page.keyboard.press('Shift+Tab');
      assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Undo my last edit');
      for (const name of ['Redo', 'Heading 1', 'Heading 2', 'Heading 3', 'Bold']) {
        await page.keyboard.press('ArrowRight');
        assert.equal(await page.evaluate('document.activeElement.ariaLabel'), name);
      }
      await page.keyboard.press('Enter');
      await page.locator('.ProseMirror strong', { hasText: 'words' }).waitFor();
      assert.equal(await page.getByRole('button', { name: 'Bold' }).getAttribute('aria-pressed'), 'true');
      // The editor takes the focus in the next frame.
      await page.waitForFunction(`document.activeElement.ariaLabel === 'Document'`);

      const nameless = await page.evaluate(`[...document.querySelectorAll('button, a, input, [role=textbox]')]
      .filter((control) => control.checkVisibility())
      .filter((control) => !(control.ariaLabel || control.textContent.trim() || control.labels?.[0]?.textContent.trim()))
      .map((control) => control.outerHTML)`);
      assert.deepEqual(nameless, []);
    },
  );

  await t.test('on a phone nothing is wider than the screen, and the status stays visible', async (t) => {
    const { page } = await open(t, 'phone', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true });
    await page.locator('.ProseMirror').tap();
    await page.keyboard.type('a line\n'.repeat(40));
    await page.keyboard.type('verylongword'.repeat(20));
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    assert.ok((await page.evaluate<number>('scrollY')) > 0);
    const status = await page.locator('#status').boundingBox();
    assert.ok(status && status.y >= 0 && status.y < 100);
  });

  await t.test('the proof shows all its columns, also with the longest generated name', async (t) => {
    const demo = await open(t, 'proof');
    await demo.page.locator('#people-button').click();
    await demo.page.getByLabel('Your name').fill('Katherine');
    await demo.page.keyboard.press('Escape');
    await demo.page.getByRole('button', { name: 'Proof' }).click();
    await demo.page.locator('#proof-rows', { hasText: 'Katherine' }).waitFor();
    await demo.page.locator('#proof-rows', { hasText: /\d ms/ }).waitFor();
    const hidden = await demo.page.evaluate(`(() => {
      const { scrollWidth, clientWidth } = document.querySelector('#proof .scroll');
      return scrollWidth - clientWidth;
    })()`);
    assert.equal(hidden, 0);
  });

  await t.test('nothing moves while the page loads or while a user types', async (t) => {
    const { page } = await open(t, 'calm');
    await page.locator('.ProseMirror').click();
    await page.keyboard.type('one line of text');
    const shifted = await page.evaluate(`new Promise((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0)))
        .observe({ type: 'layout-shift', buffered: true });
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)));
    })`);
    // Google's web vitals call a value below 0.1 good.
    assert.ok(Number(shifted) < 0.02, String(shifted));
  });
});
