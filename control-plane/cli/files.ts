import { lstat, open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import type { Io } from './command.js';
import { type FileFault, STDIN_NAME } from './output.js';

/** Of folders in folders. */
const MAX_DEPTH = 16;
const MAX_BYTES = LIMITS.policyDocumentBytes;

export type Content =
  | { readonly kind: 'read'; readonly bytes: Uint8Array }
  /** Larger than any document may be; it was not read to its end. */
  | { readonly kind: 'tooLarge' }
  | { readonly kind: 'fault'; readonly message: string };

export interface FoundFiles {
  readonly files: readonly string[];
  readonly faults: readonly FileFault[];
}

/**
 * The files that the arguments name: a folder stands for every *.yaml and *.yml below it, in the
 * order of their paths, hidden ones and linked folders left out. None is named twice.
 */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const files = new Map<string, string>();
  const faults: FileFault[] = [];
  for (const path of paths) {
    const found = await findAt(path);
    faults.push(...found.faults);
    for (const file of found.files) {
      const key = file === '-' ? file : resolve(file);
      if (!files.has(key)) files.set(key, file);
    }
  }
  return { files: [...files.values()], faults };
}

/** Reads a document; `-` is standard input. */
export async function readDocument(path: string, io: Io): Promise<Content> {
  try {
    return path === '-' ? await readStream(io.stdin()) : await readPath(path);
  } catch (error) {
    return { kind: 'fault', message: describeFileError(error) };
  }
}

/** As it is named in what is printed. */
export function nameOf(path: string): string {
  return path === '-' ? STDIN_NAME : path;
}

/** An error of the file system in words. */
export function describeFileError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  const [, text] = getSystemErrorMap().get(errno) ?? [];
  return text ?? ('message' in error ? String(error.message) : String(error));
}

async function findAt(path: string): Promise<FoundFiles> {
  if (path === '-' || !(await isFolder(path))) return { files: [path], faults: [] };
  const found = await findBelow(path, MAX_DEPTH);
  if (found.files.length > 0 || found.faults.length > 0) return found;
  const message = 'no *.yaml and no *.yml is below this folder';
  return { files: [], faults: [{ file: path, message }] };
}

async function findBelow(folder: string, depth: number): Promise<FoundFiles> {
  const fault = (message: string) => ({ files: [], faults: [{ file: folder, message }] });
  if (depth === 0) return fault(`folders are nested deeper than ${MAX_DEPTH}`);
  const files: string[] = [];
  const faults: FileFault[] = [];
  try {
    for (const name of (await readdir(folder)).sort()) {
      if (name.startsWith('.')) continue;
      const path = join(folder, name);
      const entry = await lstat(path);
      if (entry.isDirectory()) {
        const below = await findBelow(path, depth - 1);
        files.push(...below.files);
        faults.push(...below.faults);
      } else if (/\.ya?ml$/.test(name) && !(await isFolder(path))) {
        files.push(path);
      }
    }
  } catch (error) {
    return fault(describeFileError(error));
  }
  return { files, faults };
}

/** false also for what is not there: who reads it says why. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function readPath(path: string): Promise<Content> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) return { kind: 'tooLarge' };
    // One byte more than allowed tells what is too large, also of a pipe or a file that grows.
    const buffer = new Uint8Array(MAX_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return { kind: 'read', bytes: buffer.slice(0, length) };
      length += bytesRead;
    }
    return { kind: 'tooLarge' };
  } finally {
    await file.close();
  }
}

async function readStream(stream: AsyncIterable<Uint8Array>): Promise<Content> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_BYTES) return { kind: 'tooLarge' };
    chunks.push(chunk);
  }
  return { kind: 'read', bytes: new Uint8Array(Buffer.concat(chunks)) };
}
