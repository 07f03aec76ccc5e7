import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detach, type ExecBackend, probe } from '../../node-agent/native/native.js';
import { KERNEL_CASES } from '../kernel/cases.js';
import { Stage } from '../kernel/stage.js';

/**
 * Runs in a virtual machine: every kernel case, one line each. Arguments: folder of the acts, backend, part
 * of the name of the cases that are wanted. The programs are loaded once and go from case to case, as from
 * one agent to the next: the verifier takes 10 s here.
 */
const [acts = '', backend = '', only] = process.argv.slice(2);
const isSignal = backend === 'signal';
// The kernel would take a better one.
const backends: readonly ExecBackend[] | undefined = isSignal ? ['signal'] : undefined;
const lacking = isSignal ? probe({ backends: ['signal'] }).hooks : [];
const isPossible = (hooks: readonly string[]) =>
  !lacking.some(({ hook, backend }) => backend === 'none' && hooks.includes(hook));
const cases = KERNEL_CASES.filter(
  ({ name, hooks = [] }) => (only === undefined || name.includes(only)) && isPossible(hooks),
);
const pins = bpffs();
for (const { name, run } of cases) {
  let stage: Stage | undefined;
  let reason: string | undefined;
  try {
    stage = await Stage.open(acts, backends, [], join(pins, 'pins'));
    if (stage.backend !== backend) throw new Error(`the backend is ${stage.backend}`);
    await run(stage);
  } catch (error) {
    reason = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error);
  }
  try {
    await stage?.leave();
  } catch (error) {
    reason ??= `leaves something behind: ${error instanceof Error ? error.message : error}`;
  }
  // The console is the kernel's too: a line of its own, whatever stands there already.
  console.log(reason === undefined ? `\nok ${name}` : `\nnot ok ${name}: ${reason}`);
}
detach(join(pins, 'pins'));
execFileSync('umount', [pins]);
console.log(`\ncases: ${cases.length}`);

function bpffs(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-pins-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', folder]);
  return folder;
}
