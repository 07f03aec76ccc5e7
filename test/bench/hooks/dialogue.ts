import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';

/** A program that answers lines of standard input, one after another. */
export class Dialogue {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = '';

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(file, args, { stdio: 'pipe' });
    const { stdout, stderr, stdin } = this.#child;
    if (!stdout || !stderr || !stdin) throw new Error(`${file} has no pipes`);
    this.#reader = createInterface({ input: stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    stderr.on('data', (chunk) => {
      this.#errors += String(chunk);
    });
    // What broke is told by the missing answer.
    stdin.on('error', () => undefined);
    this.#child.on('error', (error) => {
      this.#errors += error.message;
    });
  }

  async ask(question: string): Promise<string> {
    this.#child.stdin?.write(`${question}\n`);
    return await this.#next();
  }

  /** An answer of several lines ends with an empty one. */
  async askLines(question: string): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.ask(question); line !== ''; line = await this.#next()) {
      lines.push(line);
    }
    return lines;
  }

  async close(): Promise<void> {
    this.#reader.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await gone;
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`no answer: ${this.#errors.trim()}`);
    return value;
  }
}
