/** Faults of a data folder, planted with real files, and the finding for each. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { formatKey } from '../../persistence/engine/keys.ts';
import { sealFormat } from '../../persistence/engine/records.ts';
import type { FindingCode } from '../../server/doctor/finding.ts';
import { inDatabase } from '../support/raw-database.ts';

/** "nobody" on every Linux. */
export const ordinaryId = 65_534;

/** A data folder for one fault. It belongs to `uid`, and has a sound database with one table and one log. */
export interface Place {
  readonly data: string;
  readonly documents: string;
  /** The path of the first file in `documents` with this suffix or prefix. */
  file(pattern: RegExp): string;
}

/** Further options for the doctor. */
export interface Call {
  readonly data?: string;
  readonly scratchParent?: string;
}

export interface LocalFault {
  readonly name: string;
  readonly expected: readonly FindingCode[];
  /** A part of the advice of the first finding. */
  readonly advice: string | RegExp;
  /** A part of the sentence of the first finding. */
  readonly sentence?: RegExp;
  /** The user that examines the folder. By default each user in turn. */
  readonly by?: 'root' | 'ordinary';
  /** Plants the fault in a folder that belongs to the ordinary user. */
  readonly plant: (place: Place) => Call | void | Promise<Call | void>;
  /** Options of tmpfs for a separate file system of the data folder, which needs root. `null` for none. */
  readonly tmpfs?: string;
  /** Whether the server starts with this fault, or meets it in another place. */
  readonly unlikeServer?: true;
  /** Whether the image is made in the data folder, so that the time of the folder changes. */
  readonly holdsImage?: true;
}

const table = /\.ldb$/;
const log = /\.log$/;
const manifest = /^MANIFEST/;
const current = /^CURRENT$/;

function flip(path: string, part: number): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length * part)]! ^= 4;
  writeFileSync(path, bytes);
}

/** Writes into a file until its disk is full. */
function fill(path: string): void {
  for (const bytes of [64 * 1024, 4096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Less than that is left.
    }
  }
}

/** Puts something else in the place of a file of the ordinary user. */
function replaceBy(path: string, make: () => void): void {
  rmSync(path, { recursive: true });
  make();
  if (process.getuid?.() === 0) lchownSync(path, ordinaryId, ordinaryId);
}

const damaged = ['local-database-damaged'] as const;
const backup = 'Restore a backup';

export const localFaults: readonly LocalFault[] = [
  // The data folder.
  {
    name: 'a data folder that does not exist',
    expected: ['local-folder-missing'],
    advice: '--data',
    plant: ({ data }) => ({ data: join(data, 'none') }),
    unlikeServer: true,
  },
  {
    name: 'a file in the place of the data folder',
    expected: ['local-not-a-folder'],
    advice: 'move the file away',
    plant({ data }) {
      writeFileSync(join(data, 'file'), '');
      return { data: join(data, 'file') };
    },
  },
  {
    name: 'a data folder below a file',
    expected: ['local-not-a-folder'],
    advice: 'move the file away',
    sentence: /file is not a directory/,
    plant({ data }) {
      writeFileSync(join(data, 'file'), '');
      return { data: join(data, 'file', 'data') };
    },
  },
  {
    name: 'a data folder that is a link to itself',
    expected: ['local-link-loop'],
    advice: 'Correct the link',
    plant({ data }) {
      symlinkSync(join(data, 'loop'), join(data, 'loop'));
      return { data: join(data, 'loop') };
    },
  },
  {
    name: 'a data folder that is a link to nothing',
    expected: ['local-link-loop'],
    advice: 'Correct the link',
    plant({ data }) {
      symlinkSync(join(data, 'none'), join(data, 'link'));
      return { data: join(data, 'link') };
    },
  },
  {
    name: 'a data folder whose path is too long',
    expected: ['local-name-too-long'],
    advice: 'shorter path',
    plant: ({ data }) => ({ data: join(data, 'x'.repeat(300)) }),
  },
  {
    name: 'the folder of the database in the place of the data folder',
    expected: ['local-inner-folder'],
    advice: /--data .*\/data\.$/,
    plant: ({ documents }) => ({ data: documents }),
    unlikeServer: true,
  },
  // The folder of the database.
  {
    name: 'a file in the place of the folder of the database',
    expected: ['local-not-a-folder'],
    advice: 'move the file away',
    plant: ({ documents }) => replaceBy(documents, () => writeFileSync(documents, '')),
  },
  {
    name: 'a link to itself in the place of the folder of the database',
    expected: ['local-link-loop'],
    advice: 'Correct the link',
    plant: ({ documents }) => replaceBy(documents, () => symlinkSync(documents, documents)),
  },
  {
    name: 'files of something else',
    expected: ['local-database-foreign'],
    advice: 'choose an empty folder',
    plant({ documents }) {
      replaceBy(documents, () => mkdirSync(documents));
      writeFileSync(join(documents, 'letter.txt'), '');
    },
  },
  {
    name: 'a LevelDB of another program',
    expected: ['local-database-foreign'],
    advice: 'choose an empty folder',
    plant: ({ documents }) => inDatabase(documents, (database) => database.del(formatKey)),
  },
  {
    name: 'a database of a newer version',
    expected: ['local-database-newer'],
    advice: 'newer version',
    plant: ({ documents }) =>
      inDatabase(documents, (database) =>
        database.put(formatKey, sealFormat(formatKey, { program: 'quire', version: 99 })),
      ),
  },
  {
    name: 'a damaged record of the format',
    expected: damaged,
    advice: backup,
    sentence: /format record is corrupt/,
    plant: ({ documents }) => inDatabase(documents, (database) => database.put(formatKey, Buffer.from('damaged'))),
  },
  // CURRENT and the MANIFEST.
  {
    name: 'no CURRENT',
    expected: damaged,
    advice: backup,
    sentence: /lost its CURRENT file/,
    plant: ({ file }) => rmSync(file(current)),
  },
  {
    name: 'an empty CURRENT',
    expected: damaged,
    advice: backup,
    sentence: /CURRENT is damaged/,
    plant: ({ file }) => truncateSync(file(current)),
  },
  {
    name: 'a folder in the place of CURRENT',
    expected: ['local-not-a-file'],
    advice: 'Move it away',
    sentence: /CURRENT is a folder/,
    plant: ({ file }) => {
      const path = file(current);
      replaceBy(path, () => mkdirSync(path));
    },
  },
  {
    name: 'a named pipe in the place of CURRENT',
    expected: ['local-not-a-file'],
    advice: 'Move it away',
    sentence: /CURRENT is a named pipe/,
    plant: ({ file }) => {
      const path = file(current);
      replaceBy(path, () => execFileSync('mkfifo', ['--mode=666', path]));
    },
  },
  {
    name: 'no MANIFEST',
    expected: damaged,
    advice: backup,
    sentence: /MANIFEST-\d+ is damaged: it is missing/,
    plant: ({ file }) => rmSync(file(manifest)),
  },
  {
    name: 'an empty MANIFEST',
    expected: damaged,
    advice: backup,
    sentence: /MANIFEST-\d+ is damaged: it is empty/,
    plant: ({ file }) => truncateSync(file(manifest)),
  },
  {
    name: 'a flipped bit in the MANIFEST',
    expected: damaged,
    advice: backup,
    sentence: /MANIFEST-\d+ is damaged: a record is corrupt/,
    plant: ({ file }) => flip(file(manifest), 0.5),
  },
  // The log.
  {
    name: 'a flipped bit in the log',
    expected: damaged,
    advice: '--accept-damaged-log',
    sentence: /\.log is damaged.*later batches/,
    plant: ({ file }) => flip(file(log), 0.3),
  },
  {
    name: 'no log',
    expected: damaged,
    advice: '--accept-damaged-log',
    sentence: /\.log is damaged: it is missing/,
    plant: ({ file }) => rmSync(file(log)),
  },
  {
    name: 'an endless device in the place of the log',
    expected: ['local-not-a-file'],
    advice: 'Move it away',
    sentence: /\.log is a device/,
    plant: ({ file }) => {
      const path = file(log);
      replaceBy(path, () => symlinkSync('/dev/zero', path));
    },
  },
  // Tables.
  {
    name: 'no table',
    expected: damaged,
    advice: backup,
    sentence: /\.ldb is damaged: it is missing/,
    plant: ({ file }) => rmSync(file(table)),
  },
  {
    name: 'an empty table',
    expected: damaged,
    advice: backup,
    sentence: /\.ldb is damaged: it has 0 bytes instead of \d+/,
    plant: ({ file }) => truncateSync(file(table)),
  },
  {
    name: 'a table that is cut',
    expected: damaged,
    advice: backup,
    sentence: /\.ldb is damaged at byte 900: it has 900 bytes instead of \d+/,
    plant: ({ file }) => truncateSync(file(table), 900),
  },
  {
    name: 'a flipped bit in a block of a table',
    expected: ['local-database-unreadable', 'local-document-damaged'],
    advice: 'backup',
    sentence: /\.ldb is damaged at byte \d+: the checksum of a block is wrong/,
    plant: ({ file }) => flip(file(table), 0.5),
    unlikeServer: true,
  },
  {
    name: 'a folder in the place of a table',
    expected: ['local-not-a-file'],
    advice: 'Move it away',
    sentence: /\.ldb is a folder/,
    plant: ({ file }) => {
      const path = file(table);
      replaceBy(path, () => mkdirSync(path));
    },
  },
  // Other files.
  {
    name: 'a folder in the place of LOCK',
    expected: ['local-not-a-file'],
    advice: 'Move it away',
    sentence: /LOCK is a folder/,
    plant: ({ file }) => {
      const path = file(/^LOCK$/);
      replaceBy(path, () => mkdirSync(path));
    },
  },
  {
    name: 'files from the future',
    expected: ['local-clock'],
    advice: 'NTP',
    plant({ file }) {
      const inAnHour = new Date(Date.now() + 3_600_000);
      utimesSync(file(current), inAnHour, inAnHour);
    },
    unlikeServer: true,
  },
  {
    name: 'no place for the image of the database',
    expected: ['local-scratch'],
    advice: 'TMPDIR',
    plant: ({ data }) => ({ scratchParent: join(dirname(data), 'none') }),
    unlikeServer: true,
  },
  // Permissions, as the user of the server.
  {
    name: 'a data folder without write permission for its owner',
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: 'chmod u+rwX',
    sentence: /may not create files in .*data, which belongs to uid 65534 \(mode 0500\)/,
    plant: ({ data }) => chmodSync(data, 0o500),
    unlikeServer: true,
  },
  {
    name: 'a data folder of another user',
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: /sudo -u '#0' quire.*chown -R 65534/,
    plant({ data }) {
      chownSync(data, 0, 0);
      chmodSync(data, 0o755);
    },
    unlikeServer: true,
  },
  {
    name: 'a data folder below a folder without search permission',
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: /chown|sudo/,
    sentence: /may not enter .*above,/,
    plant({ data }) {
      const above = join(dirname(data), 'above');
      mkdirSync(above, { mode: 0o700 });
      renameSync(data, join(above, 'data'));
      return { data: join(above, 'data') };
    },
  },
  {
    name: 'a folder of the database without search permission',
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: 'chmod u+rwX',
    sentence: /may not (read|enter) .*documents,/,
    plant: ({ documents }) => chmodSync(documents, 0),
  },
  ...[current, manifest, log, table].map((pattern): LocalFault => ({
    name: `${pattern.source} that may not be read`,
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: 'chmod u+rwX',
    sentence: /may not read .*documents\/.*\(mode 0000\)/,
    plant: ({ file }) => chmodSync(file(pattern), 0),
  })),
  {
    name: 'a LOCK without write permission',
    by: 'ordinary',
    expected: ['local-folder-denied'],
    advice: /sudo -u '#0'.*chown -R 65534/,
    sentence: /may not write to .*LOCK, which belongs to uid 0/,
    plant({ file }) {
      chownSync(file(/^LOCK$/), 0, 0);
      chmodSync(file(/^LOCK$/), 0o644);
    },
  },
  // Files that a command run by root left in the folder of another user.
  ...[/^LOCK$/, table, manifest].map((pattern): LocalFault => ({
    name: `${pattern.source} of root in a folder of another user`,
    by: 'root',
    expected: ['local-owner'],
    advice: /chown -R 65534:65534 .*data/,
    sentence: /belongs to uid 0 \(mode 0600\)/,
    plant({ file }) {
      chownSync(file(pattern), 0, 0);
      chmodSync(file(pattern), 0o600);
    },
    unlikeServer: true,
  })),
  {
    name: 'a folder of the database that root has made in a folder of another user',
    by: 'root',
    expected: ['local-owner'],
    advice: /chown -R 65534:65534/,
    plant: ({ documents }) => chownSync(documents, 0, 0),
    unlikeServer: true,
  },
  // File systems.
  {
    name: 'a disk with less than the reserve',
    tmpfs: 'size=3m',
    expected: ['local-disk-full'],
    advice: '--disk-reserve',
    plant: () => undefined,
    unlikeServer: true,
  },
  {
    name: 'a disk without inodes',
    tmpfs: 'size=200m,nr_inodes=40',
    expected: ['local-no-inodes'],
    advice: 'df -i',
    plant({ data }) {
      for (let i = 0; ; i += 1) {
        try {
          writeFileSync(join(data, `filler-${i}`), '');
        } catch {
          return;
        }
      }
    },
  },
  {
    name: 'a full disk under the folder for the image',
    tmpfs: 'size=1m',
    expected: ['local-disk-full', 'local-scratch'],
    advice: 'Make room',
    plant({ data }) {
      fill(join(data, 'filler'));
      return { scratchParent: data };
    },
    holdsImage: true,
    unlikeServer: true,
  },
  {
    name: 'a disk that is mounted read-only',
    tmpfs: 'size=400m',
    expected: ['local-read-only'],
    advice: 'dmesg',
    plant: ({ data }) => void execFileSync('mount', ['-o', 'remount,ro', data]),
  },
];

export function placeAt(data: string): Place {
  const documents = join(data, 'documents');
  return {
    data,
    documents,
    file(pattern) {
      const name = readdirSync(documents).find((file) => pattern.test(file));
      if (name === undefined) throw new Error(`No file matches ${pattern.source}`);
      return join(documents, name);
    },
  };
}
