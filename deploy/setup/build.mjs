// `npm run build`: types from the contract, eBPF programs, native addon, TypeScript, assets in dist/.
// A step whose inputs are unchanged is skipped; one that fails does not stop the others.
import { BUILD_STEPS, pendingReason, runBuildStep } from './lib/build-steps.mjs';
import { duration, printError } from './lib/run.mjs';

/** What a build would do now, one line each. */
export function pendingBuild() {
  return BUILD_STEPS.flatMap((step) => {
    const reason = pendingReason(step);
    return reason && !step.lacks?.() ? [`${step.name} (${reason})`] : [];
  });
}

/** Builds what is not up to date and answers whether all of it succeeded. */
export async function build({ only = () => true } = {}) {
  let failed = 0;
  for (const step of BUILD_STEPS.filter(only)) {
    if (!pendingReason(step)) continue;
    const lacking = step.lacks?.();
    if (lacking) {
      console.log(`  ${step.name}: left out, not on this machine: ${lacking}`);
      continue;
    }
    const startedAt = Date.now();
    try {
      await runBuildStep(step, (line) => console.log(`  ${step.name} ${line}`));
      console.log(`  ${step.name}: built in ${duration(Date.now() - startedAt)}`);
    } catch (error) {
      failed += 1;
      console.error(`  ${step.name}: failed after ${duration(Date.now() - startedAt)}`);
      printError(error);
    }
  }
  return failed === 0;
}

if (import.meta.filename === process.argv[1]) {
  const startedAt = Date.now();
  const succeeded = await build();
  const outcome = succeeded ? 'up to date' : 'failed';
  console.log(`build: ${outcome} (${duration(Date.now() - startedAt)})`);
  process.exitCode = succeeded ? 0 : 1;
}
