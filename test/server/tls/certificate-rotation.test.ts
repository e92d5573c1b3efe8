import { test } from 'node:test';
import { rotate } from '../../support/certificate-rotation.ts';
import { randomOf } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { repetitions } from '../../support/repetitions.ts';

test('rotations under load, a third of them bad, drop no connection and never serve a bad certificate', async (t) => {
  await rotate(t, tempFolder(t), repetitions(15, 60), randomOf(t));
});
