import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { ROOT } from './paths.mjs';

const HEARTBEAT_MS = 20_000;
const KEPT_OUTPUT_BYTES = 64 * 1024;
const SHOWN_LINES = 40;

/** A command that failed: what it printed last and how to repeat it. Its stack is of no use to anyone. */
export class CommandError extends Error {
  constructor(message, { output = '', repeat = '' } = {}) {
    super(message);
    this.name = 'CommandError';
    this.output = output;
    this.repeat = repeat;
  }
}

/** The command as a person would type it. */
export function shellLine(command, args, env = {}) {
  const quote = (word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  const settings = Object.entries(env).map(([key, value]) => `${key}=${quote(value)}`);
  return [...settings, ...[command, ...args].map(quote)].join(' ');
}

/**
 * Runs a command to its end and resolves to all that it printed on stdout. What it prints is shown only
 * when it fails; while it runs long, its last line is shown now and then. Throws CommandError.
 */
export function run(command, args, options = {}) {
  const { cwd = ROOT, env = {}, say } = options;
  const repeat = `${cwd === ROOT ? '' : `cd ${cwd} && `}${shellLine(command, args, env)}`;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    const stdout = [];
    let kept = 0;
    const keep = (chunk) => {
      output.push(chunk);
      kept += chunk.length;
      while (kept > KEPT_OUTPUT_BYTES && output.length > 1) kept -= output.shift().length;
    };
    child.stdout.on('data', (chunk) => {
      keep(chunk);
      stdout.push(chunk);
    });
    child.stderr.on('data', keep);
    const text = () => Buffer.concat(output).toString().trimEnd();
    const heartbeat = setInterval(() => {
      const line =
        text()
          .split(/[\r\n]/)
          .at(-1) ?? '';
      if (say) say(`... ${line.slice(0, 100)}`.trimEnd());
    }, HEARTBEAT_MS);
    child.on('error', (error) => {
      clearInterval(heartbeat);
      const reason = error.code === 'ENOENT' ? 'is not installed' : error.message;
      reject(new CommandError(`${command} ${reason}`, { repeat }));
    });
    child.on('close', (code, signal) => {
      clearInterval(heartbeat);
      if (code === 0) resolve(Buffer.concat(stdout).toString());
      else
        reject(
          new CommandError(`${command} failed (${signal ?? `exit code ${code}`})`, {
            output: text(),
            repeat,
          }),
        );
    });
  });
}

/** Whether a program is found, also where only root's PATH looks. */
export function commandExists(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** 0.4 s, 12 s, 3 min 5 s. */
export function duration(ms) {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Prints a CommandError (its output, then how to repeat it) or any other error by its message. */
export function printError(error) {
  if (error instanceof CommandError && error.output) {
    console.error(shortened(error.output).replace(/^/gm, '    | '));
  }
  console.error(`  error: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof CommandError && error.repeat)
    console.error(`  repeat with: ${error.repeat}`);
  if (!(error instanceof CommandError) && process.env.DEBUG) console.error(error);
}

/** The beginning, where compilers say what is wrong, and the end, where everything else does. */
function shortened(text) {
  const lines = text.split('\n');
  if (lines.length <= 2 * SHOWN_LINES) return text;
  const left = lines.length - 2 * SHOWN_LINES;
  return [
    ...lines.slice(0, SHOWN_LINES),
    `(${left} lines more)`,
    ...lines.slice(-SHOWN_LINES),
  ].join('\n');
}
