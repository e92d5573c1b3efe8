import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { LevelLog } from '../../persistence/level/level-log.ts';
import { LevelStore } from '../../persistence/level/level-store.ts';
import { statusOf } from '../../server/doctor/report.ts';
import { FakeCompact } from '../support/fake-compact.ts';
import { treeOf } from '../support/folder-tree.ts';
import { inDatabase } from '../support/raw-database.ts';
import { RecordingFollower } from '../support/recording-follower.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { TextWriter } from '../support/text-writer.ts';
import { answer } from './examiner.ts';
import type { Answer, Question } from './examiner.ts';
import { localFaults, ordinaryId, placeAt } from './local-faults.ts';
import type { Call, LocalFault } from './local-faults.ts';
import { needsMounting } from '../support/mounting.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'planting files of several users needs root (run the tests as root)' };
const folder = tempFolder({ after });
let template: string;
let ordinary: ChildProcess;

before(async () => {
  chmodSync(folder, 0o755);
  template = join(folder, 'template');
  await writeDocuments(join(template, 'documents'), ['a', 'b', 'c']);
  await inDatabase(join(template, 'documents'), (database) =>
    new LevelStore(database).reclaim({ gte: Buffer.from('A'), lt: Buffer.from('Z') }),
  );
  await writeDocuments(join(template, 'documents'), ['d', 'e', 'f']);
  const own = join(folder, 'own');
  mkdirSync(own);
  ordinary = fork(join(import.meta.dirname, 'examiner.js'), [own]);
});

after(() => ordinary.kill());

async function writeDocuments(documents: string, docIds: readonly string[]): Promise<void> {
  const log = await LevelLog.open(
    {
      folder: documents,
      commit: 'write',
      diskReserveBytes: 0,
      compaction: { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 },
    },
    { compact: new FakeCompact().compact },
  );
  for (const docId of docIds) {
    const follower = new RecordingFollower();
    const document = await log.open(docId, follower);
    for (let i = 1; i <= 12; i += 1) document.append(new TextWriter(i).type(`text ${i} of ${docId} `.repeat(40)), 'me');
    await follower.durable(12);
  }
  await log.close();
}

/** A copy of the sound data folder, which belongs to the ordinary user. */
function copyOf(fault: LocalFault, index: string): string {
  const above = join(folder, index);
  mkdirSync(above);
  chmodSync(above, 0o755);
  const data = join(above, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (fault.tmpfs !== undefined) {
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', fault.tmpfs, 'tmpfs', data]).status, 0);
  }
  cpSync(template, data, { recursive: true });
  if (isRoot) giveAway(data);
  return data;
}

function giveAway(path: string): void {
  for (const name of ['.', ...readdirSync(path, { recursive: true, encoding: 'utf8' })]) {
    chownSync(join(path, name), ordinaryId, ordinaryId);
  }
}

async function ask(by: 'root' | 'ordinary', question: Question): Promise<Answer> {
  if (by === 'root') return answer(question);
  const answered = once(ordinary, 'message') as Promise<[Answer]>;
  ordinary.send(question);
  return (await answered)[0];
}

function users({ by, tmpfs }: LocalFault): readonly ('root' | 'ordinary')[] {
  if (by !== undefined) return [by];
  return isRoot || tmpfs !== undefined ? ['root', 'ordinary'] : ['ordinary'];
}

const mounting = needsMounting();

function optionsOf({ by, tmpfs }: LocalFault): { readonly skip?: string | boolean } {
  if (tmpfs !== undefined) return isRoot ? mounting : needsRoot;
  return by === undefined ? {} : needsRoot;
}

let folders = 0;

for (const by of ['ordinary', 'root'] as const) {
  suite(`Examined by ${by === 'root' ? 'root' : 'an ordinary user'}`, () => {
    for (const fault of localFaults) {
      if (!users(fault).includes(by)) continue;
      const title = `${fault.name} is named, the way out as well, and nothing changes`;
      test(title, optionsOf(fault), async (t) => {
        const data = copyOf(fault, String(folders++));
        if (fault.tmpfs !== undefined) t.after(() => void spawnSync('umount', ['-l', data]));
        const call: Call = (await fault.plant(placeAt(data))) ?? {};
        const question = {
          data,
          scratchParent: by === 'root' ? folder : join(folder, 'own'),
          asServer: false,
          ...call,
        };
        const before = treeOf(join(data, '..'));
        const answered = await ask(by, question);
        // The first two lines are the data folder and its parent.
        const first = fault.holdsImage === true ? 2 : 0;
        assert.deepEqual(treeOf(join(data, '..')).slice(first), before.slice(first), 'the data folder is as it was');
        assert.ok('findings' in answered, JSON.stringify(answered));
        const { findings } = answered;
        assert.deepEqual(
          findings.map(({ code }) => code),
          fault.expected,
          JSON.stringify(findings),
        );
        const { sentence, advice, severity } = findings[0]!;
        assert.equal(statusOf({ findings, measurements: [] }), severity === 'error' ? 20 : 0, 'the exit status');
        if (fault.sentence !== undefined) assert.match(sentence, fault.sentence);
        if (typeof fault.advice === 'string') assert.ok(advice.includes(fault.advice), advice);
        else assert.match(advice, fault.advice);
        // No placeholder, and no file of the image.
        assert.doesNotMatch(`${sentence} ${advice}`, /\{\w+\}|undefined|quire-doctor-\w+\//);

        const started = await ask(by, { ...question, asServer: true });
        assert.ok('refusal' in started, JSON.stringify(started));
        if (fault.unlikeServer === true) return;
        assert.ok(started.refusal !== null, 'the server does not start');
        // The server names the folder of the database, the doctor the data folder.
        const [said, ofServer] = [sentence, started.refusal.sentence].map((text) => text.replaceAll('/documents', ''));
        assert.ok(said?.includes(ofServer ?? '-'), `${said} / ${ofServer}`);
        assert.ok(advice.includes(started.refusal.advice), `${advice} / ${started.refusal.advice}`);
      });
    }
  });
}
