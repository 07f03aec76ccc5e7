import { KERNEL_CASES } from '../kernel/cases.js';
import { Stage } from '../kernel/stage.js';

/** Runs in a virtual machine: every kernel case, one line each. Arguments: folder of the acts, backend, part of the name of the cases that are wanted. */
const [acts = '', backend = '', only] = process.argv.slice(2);
const cases = KERNEL_CASES.filter(({ name }) => only === undefined || name.includes(only));
for (const { name, run } of cases) {
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
console.log(`\ncases: ${cases.length}`);
