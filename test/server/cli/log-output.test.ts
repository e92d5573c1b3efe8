import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogOutput } from '../../../server/cli/log-output.ts';

/** A pipe whose reader accepts as many bytes as the test sets. */
class Pipe {
  /** Bytes that the reader still accepts; below zero the reader is gone. */
  room = Infinity;
  read = '';
  slept = 0;
  #retry: (() => void)[] = [];
  readonly output = new LogOutput({
    write: (bytes) => {
      if (this.room < 0) throw Object.assign(new Error('broken pipe'), { code: 'EPIPE' });
      if (this.room === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
      const taken = bytes.subarray(0, this.room);
      this.room -= taken.length;
      this.read += taken.toString();
      return taken.length;
    },
    after: (_delayMs, callback) => void this.#retry.push(callback),
    sleep: () => void this.slept++,
  });

  get isWaiting(): boolean {
    return this.#retry.length > 0;
  }

  /** Runs the next scheduled attempt. */
  later(): void {
    for (const retry of this.#retry.splice(0)) retry();
  }
}

test('a line is written at once, and the part that the reader does not accept is written later, in order', () => {
  const pipe = new Pipe();
  pipe.output.write('one\n');
  assert.equal(pipe.read, 'one\n');
  pipe.room = 5;
  for (const line of ['two\n', 'thrée\n', 'four\n']) pipe.output.write(line);
  assert.equal(pipe.read, 'one\ntwo\nt');
  pipe.later();
  assert.ok(pipe.isWaiting, 'it goes on trying');
  pipe.room = Infinity;
  pipe.later();
  assert.equal(pipe.read, 'one\ntwo\nthrée\nfour\n');
  assert.equal(pipe.isWaiting, false);
  assert.equal(pipe.output.linesDropped, 0);
});

test('up to 1 MB waits for a reader that has stopped reading; further lines are dropped and counted (I7)', () => {
  const pipe = new Pipe();
  pipe.room = 0;
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 2_000; i++) pipe.output.write(line);
  assert.equal(pipe.output.linesDropped, 2_000 - 1_024);
  pipe.room = Infinity;
  pipe.later();
  assert.equal(pipe.read.length, 1024 * 1024);
  pipe.output.write('again\n');
  assert.ok(pipe.read.endsWith('again\n'));
});

test('the end of the process waits for a reader that has stopped reading, for a bounded time', () => {
  const pipe = new Pipe();
  pipe.room = 0;
  pipe.output.write('last words\n');
  pipe.output.flushSync();
  assert.equal(pipe.slept, 10);
  pipe.room = Infinity;
  pipe.output.flushSync();
  assert.equal(pipe.read, 'last words\n');
});

test('if the reader is gone, lines are dropped without further effect', () => {
  const pipe = new Pipe();
  pipe.room = -1;
  for (let i = 0; i < 3; i++) pipe.output.write('unread\n');
  pipe.output.flushSync();
  assert.equal(pipe.output.linesDropped, 3);
  assert.equal(pipe.slept, 0);
  assert.equal(pipe.isWaiting, false);
});
