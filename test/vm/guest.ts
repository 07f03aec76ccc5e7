import { KERNEL_CASES } from '../kernel/cases.js';
import { Stage } from '../kernel/stage.js';

/** Runs in a virtual machine: every kernel case, one line each. Arguments: folder of the acts, backend. */
const [acts = '', backend = ''] = process.argv.slice(2);
for (const { name, run } of KERNEL_CASES) {
  let stage: Stage | undefined;
  let reason: string | undefined;
  try {
    stage = await Stage.open(acts);
    if (stage.backend !== backend) throw new Error(`the backend is ${stage.backend}`);
    await run(stage);
  } catch (error) {
    reason = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error);
  }
  try {
    stage?.close();
  } catch (error) {
    reason ??= `leaves something behind: ${error instanceof Error ? error.message : error}`;
  }
  // The console is the kernel's too: a line of its own, whatever stands there already.
  console.log(reason === undefined ? `\nok ${name}` : `\nnot ok ${name}: ${reason}`);
}
console.log(`\ncases: ${KERNEL_CASES.length}`);
