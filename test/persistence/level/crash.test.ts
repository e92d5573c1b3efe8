import { suite, test } from 'node:test';
import { randomOf } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { killAgainAndAgain } from './crash.ts';

suite('A log whose process is killed', () => {
  for (const commit of ['fsync', 'write'] as const) {
    test(`keeps every acknowledged entry, with commit ${commit} (I1, I3)`, async (t) => {
      await killAgainAndAgain(tempFolder(t), commit, 4, randomOf(t));
    });
  }
});
