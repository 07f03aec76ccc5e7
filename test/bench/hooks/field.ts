import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecBackend, HookStatus } from '../../../node-agent/native/native.js';
import { encodeContainer } from '../../../proto/ts/policy/kernel-table.js';
import { FACTS, Stage } from '../../kernel/stage.js';
import { NestedPatterns, SIZES } from '../nested-patterns.js';
import { Dialogue } from './dialogue.js';
import type { RunTime } from './measured.js';
import type { Variant } from './plan.js';
import { IMAGE_PROGRAMS } from './programs.js';
import { defaultSet, type KernelSet, patternSet } from './sets.js';

export interface KernelProgram extends RunTime {
  /** Instructions that the verifier processed. */
  readonly verified: number;
}

/** Of each kind, that are opened in turns. */
const FILES = 256;
const UNATTACHED: readonly Variant[] = ['detached', 'control'];
const PREFIX = 'bh_';
const PROCESS_PROGRAM = /^bh_(exec|fork|exit|cgroup)/;

/** A container to measure in, and the engine around it, whose programs come and go. */
export class Field {
  readonly #stage: Stage;
  readonly #programs: Dialogue;
  readonly #sets: ReadonlyMap<Variant, KernelSet>;
  readonly #processNames: readonly string[];
  readonly #fileNames: readonly string[];
  readonly #longProgram: string;
  readonly hooks: readonly HookStatus[];

  /** `programs`: the folder that buildPrograms() filled. */
  static async open(programs: string, seed: number, backends?: ExecBackend[]): Promise<Field> {
    const stage = await Stage.open(programs, backends, IMAGE_PROGRAMS);
    try {
      return new Field(stage, programs, seed);
    } catch (error) {
      stage.close();
      throw error;
    }
  }

  private constructor(stage: Stage, programs: string, seed: number) {
    const { engine, root, pins } = stage;
    this.#stage = stage;
    this.hooks = engine.hooks;
    const patterns = new NestedPatterns(seed);
    this.#sets = setsOver(patterns);
    mkdirSync(join(root, 'names'));
    const { hits, misses } = this.#makeFiles(patterns.paths(2 * FILES));
    writeFileSync(join(root, 'hits'), hits.join('\n'));
    writeFileSync(join(root, 'misses'), misses.slice(1).join('\n'));
    this.#longProgram = misses[0] ?? '';
    copyFileSync(join(programs, 'nothing'), join(root, this.#longProgram));
    engine.start({ onBatch: ({ ring }) => engine.commit(ring.name, ring.position) });
    const folder = join(pins, readdirSync(pins)[0] ?? '');
    for (const { id, table, responses, automaton } of this.#sets.values()) {
      engine.setPolicySet(id, table, responses, automaton);
    }
    const linked = namesOf(folder, 'link_');
    this.#processNames = linked.filter((name) => PROCESS_PROGRAM.test(name));
    this.#fileNames = linked.filter((name) => !PROCESS_PROGRAM.test(name));
    this.#programs = new Dialogue(join(programs, 'bpf-programs'), [folder]);
  }

  /** A worker that runs in the container; what is attached has seen its exec. */
  async worker(): Promise<Dialogue> {
    const { directory, root } = this.#stage;
    await this.enter('idle');
    const worker = new Dialogue(join(directory, 'launch'), [
      ...[this.#stage.cgroup('c1'), root],
      ...['/bin/worker', '/misses', '/hits', this.#longProgram],
    ]);
    await worker.ask('syscall 1');
    return worker;
  }

  /** Attaches what the variant is about, and binds the container to its set. */
  async enter(variant: Variant): Promise<void> {
    const isAttached = !UNATTACHED.includes(variant);
    for (const name of this.#processNames) await this.#attach(name, isAttached);
    for (const name of this.#fileNames) {
      await this.#attach(name, isAttached && variant !== 'processes');
    }
    await this.#programs.askLines('settle');
    this.#bind(variant);
  }

  /** Whether nobody but us has programs of ours. */
  async isAlone(): Promise<boolean> {
    const [loaded] = await this.#programs.askLines(`loaded ${PREFIX}`);
    return Number(loaded) === this.#processNames.length + this.#fileNames.length;
  }

  /** The kernel times programs from now on; that costs time itself. */
  async startStatistics(): Promise<void> {
    await this.#programs.askLines('statistics');
  }

  async kernelPrograms(): Promise<KernelProgram[]> {
    const lines = await this.#programs.askLines('list');
    return lines.map((line) => {
      const [name = '', runs, ns, verified] = line.split(' ');
      return { name, runs: Number(runs), ns: Number(ns), verified: Number(verified) };
    });
  }

  async close(): Promise<void> {
    await this.#programs.close();
    this.#stage.close();
  }

  async #attach(name: string, isAttached: boolean): Promise<void> {
    await this.#programs.askLines(`${isAttached ? 'attach' : 'detach'} ${name}`);
  }

  #bind(variant: Variant): void {
    this.#stage.engine.setContainer({
      cgroupId: this.#stage.idOf('c1'),
      activeSet: this.#sets.get(variant)?.id ?? 0,
      rootDevice: statSync(this.#stage.root, { bigint: true }).dev,
      facts: encodeContainer(FACTS),
    });
  }

  #makeFiles(paths: readonly string[]): { hits: string[]; misses: string[] } {
    const hits: string[] = [];
    const misses: string[] = [];
    paths.forEach((path, at) => {
      const file = join(this.#stage.root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, '');
      (at % 2 === 0 ? hits : misses).push(path);
    });
    return { hits, misses };
  }
}

function setsOver(patterns: NestedPatterns): ReadonlyMap<Variant, KernelSet> {
  return new Map<Variant, KernelSet>([
    ['default', defaultSet(1)],
    ['0', patternSet(2, [])],
    ...SIZES.map((count, at): [Variant, KernelSet] => [
      `${count}`,
      patternSet(3 + at, patterns.lists(count)),
    ]),
  ]);
}

/** Of the pins in a folder. */
function namesOf(folder: string, kind: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(kind))
    .map((name) => name.slice(kind.length));
}
