import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/root.js';

/** The documents that the tests accept and refuse, each as its bytes. */
export function readSeeds(): Uint8Array[] {
  return ['accepted', 'refused'].flatMap((folder) => {
    const path = join(ROOT, 'test/unit/policy/d4c', folder);
    const names = readdirSync(path).filter((name) => name.endsWith('.yaml'));
    return names.sort().map((name) => new Uint8Array(readFileSync(join(path, name))));
  });
}
