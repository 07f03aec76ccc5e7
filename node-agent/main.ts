#!/usr/bin/env node
import { runAgent } from './app.js';
import { findPins, removeBpffs } from './bpffs.js';
import { CONFIG_HELP, type Config, ConfigError, readConfig } from './config.js';
import { detach } from './native/native.js';
import { probeMachine } from './needs.js';
import { AGENT_VERSION } from './version.js';

const args = process.argv.slice(2);

function runProbe(config: Config): string {
  const result = probeMachine(config.backends);
  if (args.includes('--json')) return JSON.stringify(result);
  const hooks = result.hooks.map(({ hook, backend, reason }) =>
    `${hook.padEnd(8)} ${backend.padEnd(10)}${reason ? ` ${reason}` : ''}`.trimEnd(),
  );
  const missing = result.missing.map((what) => `missing: ${what}`);
  return [...hooks, ...missing].join('\n');
}

async function runDetach(config: Config): Promise<string> {
  const pins = await findPins(config.bpffsDirectory);
  const removed = pins !== undefined && detach(pins);
  await removeBpffs(config.bpffsDirectory);
  return removed ? 'enforcement has ended' : 'nothing was attached';
}

async function run(command: string): Promise<string | undefined> {
  const config = readConfig();
  switch (command) {
    case 'run': {
      const stopped = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.on(signal, () => stopped.abort(signal));
      }
      await runAgent(config, stopped.signal);
      return undefined;
    }
    case 'probe':
      return runProbe(config);
    case 'detach':
      return runDetach(config);
    default:
      throw new Error(`no such command: ${command} (--help lists them)`);
  }
}

if (args.includes('--help')) {
  process.stdout.write(CONFIG_HELP);
} else if (args.includes('--version')) {
  process.stdout.write(`${AGENT_VERSION}\n`);
} else {
  try {
    const output = await run(args.find((arg) => !arg.startsWith('-')) ?? 'run');
    if (output) process.stdout.write(`${output}\n`);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bulkhead-agent: ${text}\n`);
    process.exitCode = error instanceof ConfigError ? 2 : 1;
  }
}
