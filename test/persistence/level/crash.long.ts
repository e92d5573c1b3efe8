import { suite, test } from 'node:test';
import { randomOf } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { killAgainAndAgain } from './crash.ts';

suite('A log whose process is killed 200 times', () => {
  test('keeps every acknowledged entry (I1, I3)', async (t) => {
    await killAgainAndAgain(tempFolder(t), 'fsync', 200, randomOf(t));
  });
});
