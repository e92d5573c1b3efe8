import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { Owner } from './owner.ts';

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

/** A headless Chromium, closed when the owner ends. CHROMIUM_PATH says where it is, if not where Debian puts it. */
export async function startChromium(owner: Owner): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: flags });
  owner.after(() => browser.close());
  return browser;
}
