#!/usr/bin/env -S MALLOC_MMAP_THRESHOLD_=65536 node --max-semi-space-size=8
import { constants } from 'node:os';
import { runCommand } from './commands.js';
import { CONFIG_HELP, ConfigError, readConfig, snapshotEnvironment } from './config.js';

snapshotEnvironment();
const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(CONFIG_HELP);
} else {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // The second time it is meant at once.
      if (stopped.signal.aborted) process.exit(128 + constants.signals[signal]);
      stopped.abort(signal);
    });
  }
  try {
    const output = await runCommand(args, readConfig(args), stopped.signal);
    if (output) process.stdout.write(`${output}\n`);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bulkhead-control-plane: ${text}\n`);
    // Whatever could not be closed ends here.
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}
