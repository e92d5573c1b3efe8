import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Memory is allocated in steps of this size, so that a file of unknown size is bounded too. */
const chunkBytes = 64 * 1024;

/** A regular file, open for reading. */
export interface OpenFile {
  /** Changes when the file is written or replaced. Follows symbolic links, by which mounted files are replaced. */
  readonly version: string;
  /** The content as UTF-8. Throws if there is more than `maxBytes`. */
  readText(maxBytes: number): string;
}

/**
 * Opens a file, passes it to `use`, and closes it. Throws an error of the system if the file cannot be opened. Throws
 * an Error if it is not a regular file, because reading from a pipe or a device may never end.
 */
export function withFile<T>(path: string, use: (file: OpenFile) => T): T {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    if (stat.isDirectory()) throw new Error('it is a folder, not a regular file');
    if (!stat.isFile()) throw new Error('it is not a regular file');
    const version = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    const readText = (maxBytes: number): string => {
      if (stat.size > maxBytes) throw tooLarge(maxBytes);
      return readAll(descriptor, maxBytes);
    };
    return use({ version, readText });
  } finally {
    closeSync(descriptor);
  }
}

/** The content of a regular file as UTF-8. Throws as `withFile` does, and if there is more than `maxBytes`. */
export function readTextFile(path: string, maxBytes: number): string {
  return withFile(path, (file) => file.readText(maxBytes));
}

function readAll(descriptor: number, maxBytes: number): string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const length = readSync(descriptor, chunk, 0, chunkBytes, null);
    if (length === 0) return Buffer.concat(chunks, bytes).toString('utf8');
    bytes += length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk.subarray(0, length));
  }
}

function tooLarge(maxBytes: number): Error {
  return new Error(`it is larger than ${maxBytes} bytes`);
}
