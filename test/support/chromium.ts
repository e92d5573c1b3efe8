import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { Owner } from './owner.ts';
import { needs, pathOf } from './programs.ts';

/** Nothing that calls home, and nothing that needs a graphics card or a kernel's name spaces. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Options for a test that drives Chromium: it is skipped where there is none. */
export const inChromium = needs('chromium');

/** A headless Chromium, closed when the owner ends. */
export async function startChromium(owner: Owner): Promise<Browser> {
  const executablePath = pathOf('chromium');
  if (executablePath === null) throw new Error('Chromium is not installed: give the test the options `inChromium`');
  const browser = await chromium.launch({ executablePath, args: flags });
  owner.after(() => browser.close());
  return browser;
}
