import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { Owner } from './owner.ts';
import { needs, pathOf } from './programs.ts';

/** Without connections to its maker, and without a graphics card or the kernel's namespaces. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Options for a test that drives Chromium. The test is skipped if Chromium is not installed. */
export const inChromium = needs('chromium');

/** Starts a headless Chromium, which is closed when the owner ends. */
export async function startChromium(owner: Owner): Promise<Browser> {
  const executablePath = pathOf('chromium');
  if (executablePath === null) throw new Error('Chromium is not installed: give the test the options `inChromium`');
  const browser = await chromium.launch({ executablePath, args: flags });
  owner.after(() => browser.close());
  return browser;
}
