/** The statements of docs/deploy.md about backups. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { Promised } from './promised.ts';
import { RoomUnderFire } from './room-under-fire.ts';

const promisedEdits = 3_000;
const names = ['minutes', 'plan', 'folder/letter'];

test('a copy of the folder of a stopped server is a backup, and a client with newer edits adds them after a restore', async (t) => {
  const quire = await Quire.start(t);
  for (const name of names) {
    const editor = editorOf(t, quire, name);
    await editor.synced();
    editor.text.insert(0, `all of ${name}`);
    await editor.saved();
    editor.destroy();
  }
  assert.equal((await quire.process.stop()).code, 0);
  const dataFolder = copyOf(t, quire);

  await quire.restart();
  const late = editorOf(t, quire, 'plan');
  await late.synced();
  late.text.insert(0, 'after the backup: ');
  await late.saved();
  await quire.process.kill();

  const restored = await Quire.start(t, { dataFolder });
  for (const name of names) {
    const reader = editorOf(t, restored, name);
    await reader.synced();
    assert.equal(reader.content, `all of ${name}`);
  }
  // The page that stayed open reconnects to the restored server.
  const open = new StockClient(restored.url, 'plan', { doc: late.doc });
  t.after(() => open.destroy());
  await open.synced();
  await open.saved();
  const reader = editorOf(t, restored, 'plan');
  await reader.synced();
  assert.equal(reader.content, 'after the backup: all of plan');
});

test('a snapshot of the disk under load has everything that was saved before that moment (I1)', async (t) => {
  const quire = await Quire.start(t, { tls: 'off' });
  const promised = new Promised();
  const room = await RoomUnderFire.open(`${quire.url}/fire`, promised, 1);
  room.write();
  await within(guardMs, 'a first edit', room.begun);
  await within(guardMs, 'some thousand edits', enough(promised));
  // Like a snapshot of the disk. A stopped server sends nothing, so all that arrives was sent before.
  quire.process.signal('SIGSTOP');
  await within(guardMs, 'a server that stands still', still(quire.process.pid));
  const dataFolder = copyOf(t, quire);
  await quire.process.kill();
  await room.ended();

  const restored = await Quire.start(t, { tls: 'off', dataFolder });
  const reader = await RawClient.open(`${restored.url}/fire`);
  t.after(() => reader.terminate());
  const found = new Promised();
  for (const update of await reader.sync()) found.takeUpdate(update);
  assert.deepEqual(promised.missingIn(found).slice(0, 10), []);
});

function editorOf(t: TestContext, quire: Quire, name: string): StockClient {
  const editor = new StockClient(quire.url, name);
  t.after(() => editor.destroy());
  return editor;
}

function copyOf(t: TestContext, quire: Quire): string {
  const folder = join(tempFolder(t), 'restored');
  cpSync(quire.dataFolder, folder, { recursive: true });
  return folder;
}

/** Resolves when every thread of a process has stopped after SIGSTOP. */
async function still(pid: number): Promise<void> {
  const states = (): string[] =>
    readdirSync(`/proc/${pid}/task`).map(
      (thread) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'))?.[1] ?? '',
    );
  while (states().some((state) => state !== 'T')) await paced(10);
}

/** Polls, because there is no event for it. */
async function enough(promised: Promised): Promise<void> {
  while (promised.count < promisedEdits) await paced(20);
}
