import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process has ended, with the words for how. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
}

const STOP_GRACE_MS = 20_000;

/** Starts a Node program of ours as a process of its own, out of reach of the terminal's Ctrl-C. */
export function startNode(options: ProcessOptions): ManagedProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(process.execPath, [...options.args], {
    env: { ...options.environment },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const ended = once(child, 'exit').then(([code, signal]) =>
    signal ? `${options.name} was ended by ${signal}` : `${options.name} ended with ${code}`,
  );
  return {
    name: options.name,
    pid: child.pid ?? -1,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
    stop: (graceMs = STOP_GRACE_MS) => stopChild(child, ended, graceMs),
  };
}

async function stopChild(child: ChildProcess, ended: Promise<string>, graceMs: number) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Runs a Node program of ours to its end. @throws Error with what it said where it fails */
export async function runNode(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(process.execPath, [...args], {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(errors.trim() || `${args.join(' ')} ended with ${code}`);
  return output;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
