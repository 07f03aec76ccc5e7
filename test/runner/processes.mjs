import { spawn } from 'node:child_process';

const KILL_AFTER_MS = 10_000;

/**
 * Runs the children of the test run, one at a time, each as a process group of its own, so that an
 * interruption or a limit ends all of a stage: jest, its workers and the servers that they started.
 */
export class Children {
  #current;
  #stopping = false;

  get stopping() {
    return this.#stopping;
  }

  /**
   * Resolves to {code, timedOut}; code is undefined where a signal ended it. `onLine` gets what it
   * prints, line by line; without it the child prints where we print.
   */
  run(command, args, { cwd, env, limitMs, onLine }) {
    if (this.#stopping) return Promise.resolve({ code: undefined, timedOut: false });
    return new Promise((resolve) => {
      const output = onLine ? 'pipe' : 'inherit';
      const child = spawn(command, args, {
        cwd,
        env: { ...process.env, ...env },
        detached: true,
        stdio: ['ignore', output, output],
      });
      this.#current = child;
      if (onLine) {
        eachLine(child.stdout, onLine);
        eachLine(child.stderr, onLine);
      }
      let timedOut = false;
      const limit = setTimeout(() => {
        timedOut = true;
        killGroup(child, 'SIGTERM');
        setTimeout(() => killGroup(child, 'SIGKILL'), KILL_AFTER_MS).unref();
      }, limitMs);
      const done = (code) => {
        clearTimeout(limit);
        killGroup(child, 'SIGKILL');
        this.#current = undefined;
        resolve({ code: code ?? undefined, timedOut });
      };
      child.on('error', (error) => {
        console.error(`${command}: ${error.message}`);
        done(undefined);
      });
      child.on('exit', (code) => done(code));
    });
  }

  /** Passes the signal on and starts nothing more. */
  stop(signal) {
    this.#stopping = true;
    const child = this.#current;
    if (!child) return;
    killGroup(child, signal);
    setTimeout(() => killGroup(child, 'SIGKILL'), KILL_AFTER_MS).unref();
  }
}

function killGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function eachLine(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => rest && onLine(rest));
}
