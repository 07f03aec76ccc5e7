import { LOCAL_HELP, readLocalConfig } from './config.js';
import { demo } from './demo.js';
import { up } from './up.js';

const COMMANDS: Readonly<Record<string, typeof up>> = { up, demo };

const [command = 'up', ...rest] = process.argv.slice(2);
const run = COMMANDS[command];
if (!run || rest.includes('--help')) {
  process.stdout.write(LOCAL_HELP);
  process.exitCode = run ? 0 : 2;
} else {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => stopped.abort(signal));
  }
  try {
    process.exitCode = await run(readLocalConfig(), stopped.signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
