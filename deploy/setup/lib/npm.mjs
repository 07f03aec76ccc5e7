import { existsSync, readFileSync } from 'node:fs';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';

/**
 * Why node_modules is not in step with package-lock.json, or undefined when it is. npm itself notes in
 * node_modules/.package-lock.json, as the last act of an installation, what it has put there.
 */
export function npmMissing() {
  const wanted = packagesOf(`${ROOT}/package-lock.json`);
  const present = packagesOf(`${ROOT}/node_modules/.package-lock.json`);
  if (!present) return 'not installed yet';
  for (const [path, entry] of Object.entries(wanted ?? {})) {
    if (path === '') continue;
    const found = present[path];
    if (!found && !entry.optional) return `${nameOf(path)} is missing`;
    if (!found) continue;
    if (found.version !== entry.version) return `${nameOf(path)} is not at ${entry.version}`;
    if (!existsSync(`${ROOT}/${path}/package.json`)) return `${nameOf(path)} is damaged`;
  }
  const extra = Object.keys(present).find((path) => !wanted?.[path]);
  return extra && `${nameOf(extra)} should not be there`;
}

/** Exactly what package-lock.json says. */
export async function installNpm(say) {
  await run('npm', ['ci', '--no-progress'], { say });
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined;
}

const nameOf = (path) => path.replace(/^.*node_modules\//, '');
