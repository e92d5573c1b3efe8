import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { suite, test } from 'node:test';
import { KeyedMutex } from '../../../persistence/engine/keyed-mutex.ts';

suite('KeyedMutex', () => {
  test('runs the tasks of one key one after the other, in order, and those of other keys concurrently', async () => {
    const mutex = new KeyedMutex();
    const events: string[] = [];
    const gate = new EventEmitter();
    const first = mutex.run('a', async () => {
      events.push('first begins');
      await once(gate, 'open');
      events.push('first ends');
      throw new Error('first');
    });
    const second = mutex.run('a', () => Promise.resolve(events.push('second')));
    const third = mutex.run('a', () => Promise.resolve(events.push('third')));
    await mutex.run('b', () => Promise.resolve(events.push('other')));
    gate.emit('open');
    await assert.rejects(first, /first/);
    await Promise.all([second, third]);
    assert.deepEqual(events, ['first begins', 'other', 'first ends', 'second', 'third']);
  });
});
