import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder and everything in it, one line for each file: name, kind, owner, mode, size, time of the last change,
 * content. Two equal lists mean that nothing has changed.
 */
export function treeOf(folder: string): readonly string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [lineOf(folder, '.')];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return [lineOf(folder, '.'), ...names.map((name) => lineOf(join(folder, name), name))];
}

function lineOf(path: string, name: string): string {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return `${name} missing`;
  const { uid, gid, mode, size, mtimeNs, nlink } = found;
  const facts = [name, uid, gid, mode.toString(8), size, mtimeNs, nlink].join(' ');
  if (found.isSymbolicLink()) return `${facts} -> ${readlinkSync(path)}`;
  return found.isFile() ? `${facts} ${readFileSync(path, 'base64')}` : facts;
}
