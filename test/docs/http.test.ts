/** docs/http.md: its tables of endpoints and of errors. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { httpStatus, refusalCodes } from '../../server/errors.ts';
import type { RefusalCode } from '../../server/errors.ts';
import { projectFolder } from '../support/lock-file.ts';
import { Quire } from '../support/quire.ts';

const page = readFileSync(join(projectFolder, 'docs/http.md'), 'utf8');

/** The cells of the table below a heading, row by row, without the two rows of its head. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => line.split('|').map((cell) => cell.trim()));
}

function isCode(code: string): code is RefusalCode {
  return refusalCodes.some((known) => known === code);
}

test('every endpoint of the page on HTTP exists on the port that it names', async (t) => {
  const quire = await Quire.start(t, { args: ['--ephemeral'] });
  const rows = rowsBelow('Endpoints');
  assert.ok(rows.length >= 6);
  for (const [, endpoint = '', , response = ''] of rows) {
    const [, method = '', path = ''] = /^`([A-Z]+) (.*)`$/.exec(endpoint) ?? [];
    assert.ok(method !== '', endpoint);
    // Only the port for redirects answers challenges.
    if (path.startsWith('/.well-known/')) continue;
    const answer = await fetch(`${quire.httpUrl}${path.replace(/<.*>/, 'doc')}`, { method });
    await answer.arrayBuffer();
    // Without an upgrade and without a token the status is that of a refusal, and not of a path without an endpoint.
    const expected = path.startsWith('/sync/') ? 400 : path.startsWith('/documents/') ? 403 : 200;
    assert.equal(answer.status, expected, endpoint);
    assert.match(response, new RegExp(`\\b${path.startsWith('/documents/') ? 204 : expected}\\b`), endpoint);
  }
});

test('the errors of the page on HTTP have the status that the server gives them (I8)', () => {
  let count = 0;
  for (const [, status = '', codes = ''] of rowsBelow('Errors')) {
    for (const [, code = ''] of codes.matchAll(/`([a-z-]+)`/g)) {
      // Only this status has no refusal: a path exists, and the method does not.
      if (code === 'method-not-allowed') continue;
      assert.ok(isCode(code), code);
      assert.equal(httpStatus(code), Number(status), code);
      count++;
    }
  }
  assert.ok(count > 10, `${count} found`);
});
