import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Quire } from '../../support/quire.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Records from the loader's thread every module that Node imports. The loader's hooks do not see required modules. */
const hooks = `
import { appendFileSync } from 'node:fs';
let file;
export const initialize = (given) => { file = given; };
export const load = (url, context, next) => { appendFileSync(file, url + '\\n'); return next(url, context); };`;

test('a plain server loads no module that only other features need, because reading files dominates the start', async (t) => {
  const file = join(tempFolder(t), 'modules');
  const preload = `
import { register } from 'node:module';
register(${JSON.stringify(asUrl(hooks))}, { data: ${JSON.stringify(file)} });`;
  await Quire.start(t, { tls: 'off', args: ['--ephemeral'], nodeArgs: ['--import', asUrl(preload)] });
  const loaded = readFileSync(file, 'utf8').trim().split('\n');
  const wanted = /\/server\/app\.js$|\/node_modules\/ws\//;
  assert.ok(loaded.filter((url) => wanted.test(url)).length > 1, `it was watched:\n${loaded.join('\n')}`);

  // Other commands, certificates by ACME, tokens; output for terminals; what folds, in its thread.
  const others = [
    /\/server\/(acme|doctor)\//,
    /\/server\/cli\/(doctor|token|usage)\.js$/,
    /\/server\/auth\/jwt-authenticator\.js$/,
    /\/persistence\/compaction\/(fold|worker-thread)\.js$/,
    /\/node_modules\/(acme-client|jose|pino-pretty|prom-client)\//,
  ];
  const superfluous = loaded.filter((url) => others.some((pattern) => pattern.test(url)));
  assert.deepEqual(superfluous, []);
  // 267 now. Each costs some 0.3 ms of CPU time.
  assert.ok(loaded.length < 285, `${loaded.length} modules:\n${loaded.join('\n')}`);
});

function asUrl(script: string): string {
  return `data:text/javascript,${encodeURIComponent(script)}`;
}
