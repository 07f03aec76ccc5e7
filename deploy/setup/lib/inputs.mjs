import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT, STATE } from './paths.mjs';

const NEVER = new Set(['node_modules', 'dist', 'build', '.git', '.bulkhead']);

/** Every file below the folder (or the file itself), sorted, absolute; not what tools made there. */
export function filesBelow(folder, accepts = () => true, skips = NEVER) {
  if (!existsSync(folder)) return [];
  const found = [];
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (skips.has(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) walk(child);
      else if (entry.isFile() && accepts(child)) found.push(child);
    }
  };
  walk(folder);
  return found.sort();
}

/** sha256 over names and contents. */
export function hashFiles(files, ...more) {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`\0${relative(ROOT, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** A step's memory: the hash of the inputs that it was last done with. */
export const stamps = {
  read(name) {
    const file = `${STATE}/build/${name}`;
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  },
  write(name, hash) {
    mkdirSync(`${STATE}/build`, { recursive: true });
    writeFileSync(`${STATE}/build/${name}`, hash);
  },
  forget(name) {
    rmSync(`${STATE}/build/${name}`, { force: true });
  },
};

/**
 * Makes `to` hold the given files of `from` and no other that `owns` accepts; files that are the same
 * already stay untouched, so that nothing is rebuilt for their sake. Answers how many changed.
 */
export function syncFolder({ from, files, to, owns }) {
  const wanted = new Set(files.map((file) => relative(from, file)));
  let changed = 0;
  for (const name of wanted) {
    const target = join(to, name);
    const content = readFileSync(join(from, name));
    if (existsSync(target) && readFileSync(target).equals(content)) continue;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(from, name), target);
    changed += 1;
  }
  for (const file of filesBelow(to, owns, new Set())) {
    if (wanted.has(relative(to, file))) continue;
    rmSync(file);
    changed += 1;
  }
  return changed;
}
