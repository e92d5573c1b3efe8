/** A program of its own: looks up the host that is its argument, and prints the answer as JSON, `{addresses, code}`. */
import { lookup } from 'node:dns';

// Says that the process has started: from now on its time is that of the lookup.
process.stdout.write('\n');
lookup(process.argv[2] ?? '', { all: true }, (error, addresses) => {
  process.stdout.write(
    JSON.stringify(error === null ? { addresses, code: '' } : { addresses: null, code: error.code }),
  );
});
