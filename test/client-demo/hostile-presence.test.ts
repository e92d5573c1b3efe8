import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { inChromium, startChromium } from '../support/chromium.ts';
import { DemoPage } from '../support/demo-page.ts';
import { hostileStates } from '../support/hostile-states.ts';
import { Injection } from '../support/injection.ts';
import { Quire } from '../support/quire.ts';

/** Users with fields that only the demo reads. They stay, because the panel is drawn only from time to time. */
const forTheDemo = [
  { user: { name: 'm' }, watching: true, proof: { hash: { toString: 1 }, sent: { toString: 1 }, roundTripMs: {} } },
  { user: { name: 'm' }, proof: 'text' },
  { user: { name: '\u202e\u202e', color: 'red;position:fixed;inset:0' } },
  { user: { name: 'M'.repeat(10_000) } },
];

test(
  'no presence of another client keeps the demo from showing edits, or makes it delete them (I6)',
  inChromium,
  async (t) => {
    const [browser, quire] = await Promise.all([startChromium(t), Quire.start(t)]);
    const open = async (prepare: (page: Page) => Promise<unknown>): Promise<DemoPage> =>
      DemoPage.open(await browser.newContext(), quire.httpUrl, 'hostile', { prepare });
    const injection = new Injection();
    const author = await open(async () => {});
    await author.caretAfter(0);
    await author.type('start ');
    const victim = await open((page) => injection.attach(page));
    await victim.page.getByRole('button', { name: 'Proof' }).click();
    await victim.caretAfter(0);
    await victim.sees('start');

    let text = 'start ';
    forTheDemo.forEach((state, i) => injection.show(state, 2 + i));
    for (const { state } of hostileStates('default')) {
      injection.show(state, 1);
      text += '.';
      await author.type('.');
      await victim.sees(text);
    }
    await victim.page.keyboard.press('End');
    await victim.type(' end');
    await author.sees(`${text} end`);
    assert.deepEqual(await victim.blocks(), [`${text} end`]);
    assert.deepEqual(victim.problems, []);

    await victim.page.locator('#proof-rows tr', { hasText: 'MMMM' }).waitFor();
    const styles = await victim.page.evaluate(`[...document.querySelectorAll('[style]')].map((e) => e.style.cssText)`);
    assert.doesNotMatch(String(styles), /fixed|inset/);
  },
);
