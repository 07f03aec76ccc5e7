import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecBackend } from '../../node-agent/native/native.js';
import { RESULT_MARK } from './place.js';
import { runSuite } from './suite.js';

const LIMIT_MS = 180_000;

/** Runs in a virtual machine: a line for each result. Arguments: image, backend, and a name. */
const [image = '', backend = '', only] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-image-'));
try {
  // The root of the guest is an overlay itself: the image is taken out of it.
  execFileSync('cp', ['-a', image, join(folder, 'image')]);
  await runSuite({
    ...{ image: join(folder, 'image'), backend: backend as ExecBackend, only, limitMs: LIMIT_MS },
    // The console is the kernel's too: a line of its own, whatever stands there already.
    onResult: (result) => process.stdout.write(`\n${RESULT_MARK}${JSON.stringify(result)}\n`),
    signal: new AbortController().signal,
  });
} finally {
  rmSync(folder, { recursive: true });
}
