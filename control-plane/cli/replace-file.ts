import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, type FileHandle, lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describeFileError } from './files.js';

/**
 * Puts new content in the place of a file that still holds `before`: whole or not at all, with its
 * mode and owner. Answers why not, undefined when it is done. A file that is reached by a link, or
 * has several names, is refused: replacing it would part it from them.
 */
export async function replaceFile(
  path: string,
  before: Uint8Array,
  after: Uint8Array,
): Promise<string | undefined> {
  let temporary: string | undefined;
  try {
    const old = await lstat(path);
    const refusal = refusalOf(old);
    if (refusal) return refusal;
    await access(path, constants.W_OK);
    temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
    await writeAs(temporary, after, old);
    if (!(await holds(path, old, before))) return 'it was changed in the meantime';
    await rename(temporary, path);
    temporary = undefined;
    await syncFolder(dirname(path));
    return undefined;
  } catch (error) {
    return describeFileError(error);
  } finally {
    if (temporary !== undefined) await rm(temporary, { force: true });
  }
}

function refusalOf(file: Stats): string | undefined {
  if (file.isSymbolicLink()) return 'it is a symbolic link: name the file that it leads to';
  if (!file.isFile()) return 'it is no regular file';
  if (file.nlink > 1) return `it has ${file.nlink} names (hard links), and would lose the others`;
  return undefined;
}

async function writeAs(path: string, content: Uint8Array, like: Stats): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await ownAs(file, like);
    await file.chmod(like.mode & 0o7777);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function ownAs(file: FileHandle, { uid, gid }: Stats): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
}

async function holds(path: string, old: Stats, before: Uint8Array): Promise<boolean> {
  const now = await lstat(path);
  if (now.dev !== old.dev || now.ino !== old.ino || now.size !== before.length) return false;
  return (await readFile(path)).equals(before);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
