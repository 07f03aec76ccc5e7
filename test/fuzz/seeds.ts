import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository, from the sources as well as from what was built of them. */
export const ROOT = rootAbove(dirname(fileURLToPath(import.meta.url)));

/** The documents that the tests accept and refuse, each as its bytes. */
export function readSeeds(): Uint8Array[] {
  return ['accepted', 'refused'].flatMap((folder) => {
    const path = join(ROOT, 'test/unit/policy/d4c', folder);
    const names = readdirSync(path).filter((name) => name.endsWith('.yaml'));
    return names.sort().map((name) => new Uint8Array(readFileSync(join(path, name))));
  });
}

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  if (above === folder) throw new Error('no package.json stands above this file');
  return rootAbove(above);
}
