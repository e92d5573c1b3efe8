import type { BrowserContext, Page } from 'playwright-core';
import './built-page.ts';
import { guardMs, within } from './deadline.ts';

export type StatusState = 'connecting' | 'offline' | 'syncing' | 'saving' | 'saved' | 'refused';

export interface DemoPageOptions {
  /** For example `?view`. */
  readonly query?: string;
  /** In the fragment of the page's URL. */
  readonly token?: string;
  /** Called before the page is loaded, for example to intercept its requests. */
  readonly prepare?: (page: Page) => Promise<unknown>;
  /** The state of the status line to wait for. Default: `saved`. */
  readonly until?: StatusState;
}

/** The errors that Chromium prints when a server is not reachable. */
const expectedErrors = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INTERNET_DISCONNECTED|WebSocket connection to/;

/** The demo editor in a browser, as a person uses it. */
export class DemoPage {
  readonly page: Page;
  /** Errors on the console and violations of the Content-Security-Policy. */
  readonly problems: string[] = [];

  /**
   * Opens the page. Resolves when the status line has the expected state. `address` is a URL of the server without a
   * path.
   */
  static async open(
    context: BrowserContext,
    address: string,
    docName: string,
    { query = '', token, prepare, until = 'saved' }: DemoPageOptions = {},
  ): Promise<DemoPage> {
    const demo = new DemoPage(await context.newPage());
    await demo.page.addInitScript(recordStates);
    await prepare?.(demo.page);
    const ending = token === undefined ? '' : `?token=${encodeURIComponent(token)}`;
    await demo.page.goto(`${address}/${query}#${encodeURIComponent(docName)}${ending}`);
    await demo.status(until);
    return demo;
  }

  private constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(guardMs);
    page.on('console', (message) => {
      if (message.type() === 'error' && !expectedErrors.test(message.text())) this.problems.push(message.text());
    });
    page.on('pageerror', (error) => this.problems.push(String(error)));
  }

  /** Resolves when the status line has this state. */
  async status(state: StatusState): Promise<void> {
    await this.page.locator(`#status[data-state="${state}"]`).waitFor();
  }

  /** The states that the status line has shown since the last call, in order. */
  states(): Promise<StatusState[]> {
    return this.page.evaluate('states.splice(0)');
  }

  /** Puts the caret at the end of a paragraph, counted from 0. */
  async caretAfter(paragraph: number): Promise<void> {
    await this.#focus();
    await this.page.locator('.ProseMirror > *').nth(paragraph).click();
    await this.page.keyboard.press('End');
    // Not `waitForFunction`, because the page's Content Security Policy forbids its repeated evaluation.
    const isThere = this.page.evaluate(`new Promise((resolve) => {
      const look = () => {
        const block = document.querySelectorAll('.ProseMirror > *')[${paragraph}];
        if (block?.contains(getSelection()?.focusNode)) resolve();
        else requestAnimationFrame(look);
      };
      look();
    })`);
    await within(guardMs, `the caret in paragraph ${paragraph}`, isThere);
  }

  /**
   * ProseMirror restores the last caret 20 ms after it gets the focus, even if a click has moved the caret meanwhile.
   * On a slow machine that happens after the click. A timer that is set after ProseMirror's is the only way to detect
   * it.
   */
  async #focus(): Promise<void> {
    await this.page.locator('.ProseMirror').focus();
    await this.page.evaluate('new Promise((done) => setTimeout(done, 25))');
  }

  async type(text: string, delayMs = 0): Promise<void> {
    await this.page.keyboard.type(text, { delay: delayMs });
  }

  /** Resolves when the document contains this text. */
  async sees(text: string): Promise<void> {
    await this.page.locator('.ProseMirror', { hasText: text }).waitFor();
  }

  /** The visible text of each block, without the names at the carets. */
  blocks(): Promise<string[]> {
    return this.page.evaluate(`[...document.querySelectorAll('.ProseMirror > *')].map((block) => {
      const copy = block.cloneNode(true);
      for (const caret of copy.querySelectorAll('.caret')) caret.remove();
      return copy.textContent.replaceAll('\\u2060', '');
    })`);
  }

  /** Resolves when the browser has stored its copy of the document. A transaction waits for the earlier ones. */
  async kept(name: string): Promise<void> {
    await this.page.evaluate(`new Promise((resolve, reject) => {
      const opening = indexedDB.open('quire/${name}');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const reading = opening.result.transaction('updates', 'readonly');
        reading.objectStore('updates').count();
        reading.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    })`);
  }

  /** Opens the proof panel. Resolves when it says that this many tabs have the same document. */
  async converged(tabs: number): Promise<void> {
    const toggle = this.page.getByRole('button', { name: 'Proof' });
    if ((await toggle.getAttribute('aria-expanded')) === 'false') await toggle.click();
    const verdict = this.page.locator('#proof-verdict', { hasText: `✓ All ${tabs} tabs have the same document` });
    try {
      await verdict.waitFor();
    } catch (cause) {
      throw new Error(`The panel says:\n${await this.page.locator('#proof').innerText()}`, { cause });
    }
  }

  /** The hashes in the panel, one for each tab. */
  hashes(): Promise<string[]> {
    return this.page.locator('#proof-rows code').allTextContents();
  }
}

const recordStates = `
  globalThis.states = [];
  document.addEventListener('DOMContentLoaded', () => {
    const line = document.getElementById('status');
    states.push(line.dataset.state);
    new MutationObserver(() => {
      if (states.at(-1) !== line.dataset.state) states.push(line.dataset.state);
    }).observe(line, { attributeFilter: ['data-state'] });
  });
`;
