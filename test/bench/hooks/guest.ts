import { measureHooks } from './measure-hooks.js';
import { GUEST_PLAN } from './plan.js';

/** Runs in a virtual machine. Arguments: the folder of the programs, seed. */
const [programs = '', seed = ''] = process.argv.slice(2);
const measured = await measureHooks({ programs, seed: Number(seed), plan: GUEST_PLAN });
// The console is the kernel's too: a line of its own, whatever stands there already.
process.stdout.write(`\nmeasured: ${JSON.stringify(measured)}\n`);
