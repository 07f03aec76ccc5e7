import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io, Settings } from '../../control-plane/cli/command.js';
import { runProgram } from '../../control-plane/cli/program.js';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder that goes away with `remove`; names in outputs are told without it. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'bulkhead-cli-'));

  path(name: string): string {
    return name === '' ? this.folder : join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs the command line in this process; arguments that begin with @ are names in the folder. */
  async run(args: readonly string[], around: Partial<FakeAround> = {}): Promise<Run> {
    const io = fakeIo(this.folder, around);
    const named = args.map((arg) => (arg.startsWith('@') ? this.path(arg.slice(1)) : arg));
    const code = await runProgram(named, io);
    const short = (text: string) =>
      text.replaceAll(`${this.folder}/`, '').replaceAll(this.folder, '.');
    return { code, out: short(io.written.out), err: short(io.written.err) };
  }
}

export interface FakeAround {
  readonly stdin: string | Uint8Array;
  readonly terminal: boolean;
  /** Of the terminal. */
  readonly columns: number;
  /** What is said to one question after the other; without any nobody is there. */
  readonly answers: readonly string[] | (() => Promise<string>);
  readonly settings: Partial<Settings>;
  readonly variables: Readonly<Record<string, string>>;
  readonly colour: boolean;
}

interface FakeIo extends Io {
  readonly written: { out: string; err: string };
}

function fakeIo(folder: string, around: Partial<FakeAround>): FakeIo {
  const { stdin = '', terminal = false, colour = false, columns = 80 } = around;
  const { answers = [] } = around;
  const left = typeof answers === 'function' ? [] : [...answers];
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    isTerminal: terminal,
    columns: terminal ? columns : undefined,
    write(text: string) {
      written[name] += text;
    },
  });
  return {
    written,
    stdin: () => chunks(typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin),
    stdout: output('out'),
    stderr: output('err'),
    colour,
    settings: {
      contextFile: join(folder, 'config', 'config.yaml'),
      context: undefined,
      server: undefined,
      apiKey: undefined,
      caFile: undefined,
      ...around.settings,
    },
    variable: (name) => around.variables?.[name],
    ask: async (question) => {
      written.err += question;
      return typeof answers === 'function' ? answers() : left.shift();
    },
    whole: (work) => work(new AbortController().signal),
  };
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.slice(at, at + 65_536);
}

/** A process policy: drifted files are denied outside of build pods. */
export const DRIFT_POLICY = `process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable, memory]
    - name: buildPods
      kubernetesNamespace: [ci-*]
  responses:
    - match: [drifted]
      exclude: [buildPods]
      actions: [alert, block]
`;
