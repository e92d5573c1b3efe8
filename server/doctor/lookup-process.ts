/** A program that looks up the host in its argument and prints the answer as JSON, `{addresses, code}`. */
import { lookup } from 'node:dns';

// Tells the parent that the process has started, so that its time for the lookup begins now.
process.stdout.write('\n');
lookup(process.argv[2] ?? '', { all: true }, (error, addresses) => {
  process.stdout.write(
    JSON.stringify(error === null ? { addresses, code: '' } : { addresses: null, code: error.code }),
  );
});
