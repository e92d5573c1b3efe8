/**
 * A program that holds the lock of a LevelDB database, without reading it, until it is killed. Sends a message when it
 * has the lock.
 *
 *     fork('lock-child.js', [folder])
 */
import { holdingLock } from '../../persistence/level/database-lock.ts';

const [folder = ''] = process.argv.slice(2);

await holdingLock(folder, async () => {
  process.send!('locked');
  await new Promise(() => {
    process.on('disconnect', () => process.exit());
  });
});
