/** Keeps a temporary folder and a temporary file of the doctor until a signal ends the process. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withOwnFile, withOwnFolder } from '../../server/doctor/own-files.ts';

const parent = process.argv[2]!;
const forever = new Promise<void>(() => setInterval(() => undefined, 60_000));
await withOwnFolder([parent], (folder) =>
  withOwnFile(parent, async () => {
    writeFileSync(join(folder, 'file'), 'x');
    process.send?.('ready');
    await forever;
  }),
);
