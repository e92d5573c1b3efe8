/** The examples of docs/deploy.md: their settings for the server, and the commands that can run in a test. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseConfig } from '../../server/config/config.ts';
import { contains } from '../../server/limits/ip-address.ts';
import { projectFolder } from '../support/lock-file.ts';
import { Quire } from '../support/quire.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { secret } from '../support/tokens.ts';

const read = (path: string): string => readFileSync(join(projectFolder, path), 'utf8');
const page = read('docs/deploy.md');
const main = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

type Variables = Readonly<Record<string, string>>;

/** `NAME: value` of Compose. */
const composed = (path: string): Variables => {
  // Only the variables of the service `quire`.
  const [service = ''] = read(path).split(/^ {2}caddy:$/m);
  return variables(service, /^ {6}(QUIRE_\w+): '?([^\s']+)'?/gm);
};

/** The variables that the matches of a pattern set. A later one overrides an earlier one. */
function variables(text: string, pattern: RegExp): Variables {
  return Object.fromEntries(Array.from(text.matchAll(pattern), ([, name, value]) => [name!, value!]));
}

/** The code block after this sentence. */
function blockAfter(sentence: string): string {
  const text = page.split(sentence)[1];
  assert.ok(text !== undefined, sentence);
  return text.slice(0, text.search(/\n\n(?! {4})(?=.)/));
}

const image = { QUIRE_HOST: '0.0.0.0', QUIRE_DATA: '/data' };
const unit = read('docs/deploy/quire.service');
const examples: readonly (readonly [string, Variables])[] = [
  ['compose.yaml', { ...image, ...composed('docs/deploy/compose.yaml') }],
  [
    'compose.yaml with compose.certificate.yaml',
    { ...image, ...composed('docs/deploy/compose.yaml'), ...composed('docs/deploy/compose.certificate.yaml') },
  ],
  ['compose.proxy.yaml', { ...image, ...composed('docs/deploy/compose.proxy.yaml') }],
  ['docker run', { ...image, ...variables(blockAfter('### Without Compose'), /--env (QUIRE_\w+)=(\S+)/g) }],
  [
    'kubernetes',
    {
      ...image,
      ...variables(read('docs/deploy/kubernetes/statefulset.yaml'), /- name: (QUIRE_\w+)\n\s+value: '?([^\s']+)'?/g),
    },
  ],
  [
    'quire.service with quire.env',
    {
      ...variables(/^Environment=.*QUIRE.*$/m.exec(unit)![0], /(QUIRE_\w+)=(\S+)/g),
      ...variables(blockAfter('Write the settings to'), /^ {4}(QUIRE_\w+)=(\S+)$/gm),
    },
  ],
];

for (const [name, environment] of examples) {
  test(`${name}: the server takes its settings without a warning, /metrics is closed, and there is no demo page`, () => {
    const auth = 'QUIRE_AUTH_SECRET_FILE' in environment ? {} : { QUIRE_AUTH_SECRET: secret };
    const config = parseConfig([], { ...environment, ...auth });
    assert.deepEqual(config.warnings, []);
    assert.equal(config.host, '0.0.0.0');
    assert.equal(config.auth.mode, 'jwt');
    assert.equal(config.demo, false);
    assert.ok(config.metricsAllowed);
    for (const address of ['192.0.2.1', '10.0.0.1', '172.17.0.1']) {
      assert.equal(contains(config.metricsAllowed, address), false, address);
    }
    assert.equal(contains(config.metricsAllowed, '127.0.0.1'), true);
  });
}

test('this test covers all examples of docs/deploy', () => {
  const files = readdirSync(join(projectFolder, 'docs/deploy')).filter((file) => /compose|service/.test(file));
  assert.deepEqual(files.sort(), ['compose.certificate.yaml', 'compose.proxy.yaml', 'compose.yaml', 'quire.service']);
});

test('the doctor that docs/deploy.md runs in the container finds nothing wrong', async (t) => {
  const folder = tempFolder(t);
  const quire = await Quire.start(t, { env: { QUIRE_AUTH_SECRET: secret } });
  const [, command] = /^ {6}sh -c '(.*)'$/m.exec(page)!;
  const port = new URL(quire.wssUrl).port;
  // `quire` on the path, as in the image, and the folder and port of this server.
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/quire'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(join(folder, 'bin/quire'), 0o755);
  const here = command!.replace(':8443', `:${port}`).replace('/data/', `${quire.dataFolder}/`);
  const env = { ...process.env, PATH: `${folder}/bin:${process.env['PATH']}`, QUIRE_AUTH_SECRET: secret };
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', here], { env });
  assert.match(stdout, /Nothing is wrong/);
});

test('the unit starts the command where npm puts it, and reads the file that docs/deploy.md writes', () => {
  const [, command] = /^ExecStart=(\S+) serve$/m.exec(unit)!;
  assert.ok(page.includes(`\`${command}\``), command);
  const [, settings] = /^EnvironmentFile=(\S+)$/m.exec(unit)!;
  assert.ok(page.includes(`Write the settings to \`${settings}\``), settings);
  assert.ok(
    page.indexOf(settings!) < page.indexOf('systemctl enable'),
    'the page writes the settings before the start',
  );
});
