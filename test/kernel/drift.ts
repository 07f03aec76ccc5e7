import assert from 'node:assert/strict';
import type { Stage } from './stage.js';

/* What several cases are about: a copy of an image's program, and a policy that forbids it. */

export const BLOCK_DRIFT = `
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable, memory]
    - name: everything
      operation: [exec]
  responses:
    - match: [drifted]
      actions: [alert, block]
    - match: [everything]
      actions: [log]
`;

export const LOG_EVERYTHING = `
process:
  selectors:
    - name: everything
      operation: [fork, exec]
  responses:
    - match: [everything]
      actions: [log]
`;

/** Values of bulkhead.v1.ExecutableOrigin. */
export const ORIGIN = { image: 1, writable: 2, memory: 3, volume: 4, unknown: 5 } as const;

export async function drift(stage: Stage): Promise<void> {
  const copied = await stage.act('copy', '/bin/act', '/tmp/drifted');
  assert.equal(copied.exitCode, 0, copied.stderr);
}

/** Runs words that must be stopped before the program makes its mark. */
export async function expectStopped(stage: Stage, ...words: string[]): Promise<void> {
  const result = await stage.act(...words, 'mark', '/tmp/ran');
  assert.equal(result.exitCode, stage.stopped.exitCode, result.stderr);
  assert.equal(stage.exists('tmp/ran'), false, 'it ran');
}
