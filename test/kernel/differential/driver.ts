import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Act } from './acts.js';
import { MAIN, type Worker } from './world.js';

export interface Answer {
  readonly pid: number;
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
}

/** test/kernel/acts/differential.c, in its container. Whoever starts it closes it. */
export class Driver {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = '';
  #hasClosed = false;

  /** `launch` and its first two arguments. */
  constructor(launch: readonly [string, string, string], workers: readonly Worker[]) {
    const [program, cgroup, root] = launch;
    const words = workers.flatMap(wordsOf);
    this.#child = spawn(program, [cgroup, root, MAIN, ...words]);
    this.#child.stderr.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.#child.on('close', () => {
      this.#hasClosed = true;
    });
    // It has died: the answers tell.
    this.#child.stdin.on('error', () => undefined);
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** What it said on the side: acts that failed for other reasons than a policy. */
  get errors(): string {
    return this.#errors;
  }

  async carryOut(acts: readonly Act[]): Promise<Answer[]> {
    this.#child.stdin.write(Buffer.concat(acts.map(encode)));
    const answers: Answer[] = [];
    while (answers.length < acts.length) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(await this.#lastWords());
      const [pid = 0, status = 0] = String(value).split(' ').map(Number);
      const signal = status & 0x7f;
      answers.push({ pid, exitCode: signal === 0 ? status >> 8 : 128 + signal });
    }
    return answers;
  }

  async #lastWords(): Promise<string> {
    if (!this.#hasClosed) await once(this.#child, 'close');
    const { exitCode, signalCode } = this.#child;
    return `the driver ended with ${signalCode ?? exitCode}: ${this.#errors}`;
  }

  /** Until all its processes are gone. */
  async close(): Promise<void> {
    if (this.#hasClosed) return;
    const ended = once(this.#child, 'close');
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
    this.#reader.close();
  }
}

function wordsOf({ source, executable, userId, capabilities, ...traits }: Worker): string[] {
  const letters = [
    traits.interactive ? 't' : '',
    traits.isJailed ? 'j' : '',
    source === executable ? '' : 'm',
  ];
  // Bytes above 0x7f are UTF-8 here.
  const path = Buffer.from(source, 'latin1').toString();
  return [path, String(userId), capabilities.toString(16), letters.join('')];
}

function encode({ worker, isAdopted, name, path, other, numbers }: Act): Buffer {
  const fields = [worker, isAdopted ? 1 : 0, name, path, other, ...numbers];
  return Buffer.from(`${fields.join('\0')}\0`, 'latin1');
}
