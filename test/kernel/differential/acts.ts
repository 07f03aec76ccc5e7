import { constants } from 'node:fs';
import type { HookName } from '../../../node-agent/native/native.js';
import type { Operation } from '../../../proto/ts/policy/model.js';
import type { Random } from '../../fuzz/random.js';
import {
  type Actor,
  created,
  execStep,
  fileStep,
  forkStep,
  isExecutable,
  loadStep,
  modified,
  replaced,
  type Step,
  type Target,
} from './steps.js';
import { EXECUTABLE_MODES, type File, PLAIN_MODES, SubjectMaker, weighted } from './subjects.js';
import {
  BOUND_TEXT,
  BOUND_TOOL,
  INTERPRETERS,
  PAYLOAD,
  SPARE,
  type Subject,
  type Worker,
} from './world.js';

export interface Act {
  readonly worker: number;
  /** By the parent of the worker, whose child the acting process then is. */
  readonly isAdopted: boolean;
  /** As test/kernel/acts/differential.c knows it. */
  readonly name: string;
  readonly path: string;
  readonly other: string;
  readonly numbers: readonly [number, number];
  /** The first is the fork of the process that acts. */
  readonly steps: readonly Step[];
}

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const O_PATH = 0o10000000;
const { S_IFCHR, S_IFIFO, S_IFREG } = constants;
const S_IFSOCK = 0o140000;
/** Of mknod(2): /dev/null. */
const NULL_DEVICE = 0x103;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const CAP_DAC_READ_SEARCH = 1n << 2n;
const CAP_MKNOD = 1n << 27n;

/** Flags with which a file that exists is opened, and whether that writes. */
const OPENS = [
  [O_RDONLY, false],
  [O_RDONLY, false],
  [O_CREAT | O_RDONLY, false],
  [O_WRONLY, true],
  [O_RDWR, true],
  [O_WRONLY | O_APPEND, true],
  [O_WRONLY | O_TRUNC, true],
  [O_RDONLY | O_TRUNC, true],
  [O_CREAT | O_WRONLY, true],
  [O_CREAT | O_RDWR | O_TRUNC, true],
] as const;
const CREATES = [
  ...[O_CREAT | O_WRONLY, O_CREAT | O_EXCL | O_RDWR, O_CREAT | O_RDONLY],
  O_CREAT | O_WRONLY | O_TRUNC,
];
const OPEN: readonly Operation[] = ['openFile'];
const MODES = [PLAIN_MODES, EXECUTABLE_MODES];
const BOUND_FILE = { path: BOUND_TOOL, volume: 'file', origin: 'volume' } as const;
const PAYLOAD_FILE = { path: PAYLOAD, origin: 'memory' } as const;

type Making = Pick<Act, 'name'> & Partial<Act> & { readonly steps: readonly Step[] };

/** Draws acts of one batch, each on files of its own; what they need gathers in `subjects`. */
export class ActMaker {
  readonly #random: Random;
  readonly #files: SubjectMaker;
  readonly #workers: readonly Worker[];
  readonly #kinds: readonly { readonly weight: number; readonly make: () => Making }[];
  #actor: Actor;

  constructor(
    random: Random,
    batch: string,
    workers: readonly Worker[],
    has: (hook: HookName) => boolean,
  ) {
    const [first] = workers;
    if (!first) throw new Error('nobody acts');
    this.#random = random;
    this.#files = new SubjectMaker(random, batch);
    this.#workers = workers;
    this.#actor = { worker: first, isAdopted: false };
    const kinds: readonly (readonly [number, readonly HookName[], () => Making])[] = [
      [1, [], () => ({ name: 'fork', steps: [] })],
      [5, [], () => this.#exec()],
      [2, [], () => this.#execScript()],
      [1, [], () => this.#execMemory()],
      [3, ['open'], () => this.#execAndOpen()],
      [3, ['open', 'load'], () => this.#load()],
      [1, ['load'], () => this.#loadMemory()],
      [6, ['open'], () => this.#open()],
      [1, ['open'], () => this.#openBound()],
      [1, ['open'], () => this.#openFolder()],
      [4, ['open'], () => this.#create()],
      [3, ['create'], () => this.#makeNode()],
      [1, ['create'], () => this.#symlink()],
      [2, ['create'], () => this.#link()],
      [1, ['create'], () => this.#nameTmpfile()],
      [2, ['change'], () => this.#truncate()],
      [3, ['change'], () => this.#chmod()],
      [1, ['change'], () => this.#chmodMemory()],
      [2, ['delete'], () => this.#unlink()],
      [1, ['delete'], () => this.#removeFolder()],
      [3, ['rename', 'delete'], () => this.#rename()],
      [3, ['rename', 'delete'], () => this.#renameOver()],
      [2, ['rename'], () => this.#exchange()],
    ];
    this.#kinds = kinds
      .filter(([, hooks]) => hooks.every(has))
      .map(([weight, , make]) => ({ weight, make }));
  }

  get subjects(): readonly Subject[] {
    return this.#files.subjects;
  }

  make(): Act {
    const worker = this.#random.pick(this.#workers);
    const isAdopted = this.#random.chance(0.4);
    this.#actor = { worker, isAdopted };
    this.#files.owner = worker.userId;
    const { steps, ...more } = weighted(this.#random, this.#kinds).make();
    return {
      ...{ worker: this.#workers.indexOf(worker), isAdopted },
      ...{ path: '', other: '', numbers: [0, 0] },
      ...more,
      steps: [forkStep(this.#actor), ...steps],
    };
  }

  // What is done to programs.

  #exec(): Making {
    if (this.#random.chance(0.1)) {
      return { name: 'exec', path: BOUND_TOOL, steps: [this.#execStep(BOUND_FILE)] };
    }
    const file = this.#random.chance(0.25) ? this.#files.hardLink() : this.#files.tool();
    return { name: 'exec', path: this.#files.pathTo(file), steps: [this.#execStep(file)] };
  }

  #execScript(): Making {
    const interpreter = this.#random.pick(INTERPRETERS);
    const { path } = interpreter;
    // From the working directory where the root is another.
    const script = this.#files.script(this.#actor.worker.isJailed ? path.slice(1) : path);
    const steps = [{ ...this.#execStep(script), isScript: true }, this.#execStep(interpreter)];
    return { name: 'exec', path: this.#files.pathTo(script), steps };
  }

  #execMemory(): Making {
    return { name: 'exec-memory', steps: [this.#execStep(PAYLOAD_FILE)] };
  }

  /** Who opens is the new program. */
  #execAndOpen(): Making {
    const tool = this.#files.tool();
    const { path } = tool;
    const opened = this.#files.textOrTool();
    const steps = [
      this.#execStep(tool),
      fileStep(this.#actor, 'open', ['openFile'], opened, { executable: path }),
    ];
    return { name: 'exec', path, other: opened.path, steps };
  }

  #load(): Making {
    const name = this.#random.pick(['load', 'protect']);
    const { source, executable } = this.#actor.worker;
    if (source === executable && this.#random.chance(0.1)) {
      // What it runs has been judged as exec.
      const volume = source.startsWith('/data/') ? 'directory' : 'none';
      return {
        name,
        path: source,
        steps: [this.#step('open', ['openFile'], { path: source, volume })],
      };
    }
    const file = this.#random.chance(0.1) ? BOUND_FILE : this.#files.textOrTool();
    const steps = [
      this.#step('open', ['openFile'], file),
      loadStep(this.#actor, file.path, file.origin),
    ];
    return { name, path: file === BOUND_FILE ? file.path : this.#files.pathTo(file), steps };
  }

  #loadMemory(): Making {
    return { name: 'load-memory', steps: [loadStep(this.#actor, PAYLOAD, 'memory')] };
  }

  // What is done to files.

  #open(): Making {
    const file = this.#files.textOrTool();
    const [flags, writes] = this.#random.pick(OPENS);
    const operations = writes ? modified(file.mode) : OPEN;
    return {
      name: 'open',
      path: this.#files.pathTo(file),
      numbers: [flags, 0o644],
      steps: [this.#step('open', operations, file)],
    };
  }

  #openBound(): Making {
    const { path, mode } = this.#random.pick([
      { path: BOUND_TEXT, mode: 0o666 },
      { path: BOUND_TOOL, mode: 0o777 },
    ]);
    const writes = this.#random.chance(0.5);
    const operations = writes ? modified(mode) : OPEN;
    return {
      name: 'open',
      path,
      numbers: [writes ? O_WRONLY : O_RDONLY, 0],
      steps: [this.#step('open', operations, { path, volume: 'file' })],
    };
  }

  /** With O_PATH it is no open. */
  #openFolder(): Making {
    const folder = this.#files.folder();
    const { path } = folder;
    if (this.#random.chance(0.3)) return { name: 'open', path, numbers: [O_PATH, 0], steps: [] };
    const steps = [this.#step('open', OPEN, folder)];
    return { name: 'open', path, numbers: [O_DIRECTORY, 0], steps };
  }

  #create(): Making {
    const file = this.#files.absent();
    const { path } = file;
    const mode = this.#anyMode();
    if (this.#random.chance(0.15)) {
      // None that takes all execute bits away: known limits of bpf/README.md.
      const mask = this.#random.pick([0o022, 0o027, 0o077]);
      const steps = [this.#step('open', created(mode & ~mask), file)];
      return { name: 'mask', path, numbers: [mode, mask], steps };
    }
    const flags = this.#random.pick(CREATES);
    return {
      name: 'open',
      path: flags & O_EXCL ? path : this.#files.pathTo(file),
      numbers: [flags, mode],
      steps: [this.#step('open', created(mode), file)],
    };
  }

  #makeNode(): Making {
    const file = this.#files.absent();
    const types = [S_IFREG, S_IFREG, S_IFIFO, S_IFSOCK];
    if (this.#actor.worker.capabilities & CAP_MKNOD) types.push(S_IFCHR);
    const type = this.#random.pick(types);
    const mode = this.#anyMode();
    return {
      name: 'mknod',
      path: file.path,
      numbers: [type | mode, type === S_IFCHR ? NULL_DEVICE : 0],
      steps: [this.#step('create', type === S_IFREG ? created(mode) : ['createFile'], file)],
    };
  }

  #symlink(): Making {
    const file = this.#files.absent();
    const steps = [this.#step('create', ['createFile'], file)];
    return { name: 'symlink', path: file.path, other: 'anywhere', steps };
  }

  #link(): Making {
    const old = this.#files.textOrTool();
    const file = this.#files.absent(this.#files.neighbour(old.place));
    const steps = [this.#step('create', created(old.mode), file, old)];
    return { name: 'link', path: file.path, other: old.path, steps };
  }

  /** Overlayfs makes files without a name since 6.3, a volume always. */
  #nameTmpfile(): Making {
    if (!(this.#actor.worker.capabilities & CAP_DAC_READ_SEARCH)) return this.#makeNode();
    const folder = this.#files.folder(this.#files.place(({ origin }) => origin === 'volume'));
    const file = this.#files.absent(folder.place);
    const mode = this.#anyMode();
    return {
      name: 'tmpfile',
      path: file.path,
      other: folder.path,
      numbers: [mode, 0],
      steps: [this.#step('create', created(mode), file)],
    };
  }

  #truncate(): Making {
    const file = this.#files.textOrTool();
    const steps = [this.#step('change', modified(file.mode), file)];
    return { name: 'truncate', path: this.#files.pathTo(file), steps };
  }

  #chmod(): Making {
    const file = this.#random.chance(0.75) ? this.#files.text() : this.#files.tool();
    const mode = this.#random.pick([...EXECUTABLE_MODES, ...this.#random.pick(MODES)]);
    const gains = !isExecutable(file.mode) && isExecutable(mode);
    return {
      name: 'chmod',
      path: this.#files.pathTo(file),
      numbers: [mode, 0],
      steps: gains ? [this.#step('change', ['createExecutable'], file)] : [],
    };
  }

  /** Of a file without execute bits. */
  #chmodMemory(): Making {
    const mode = this.#random.pick([0o700, 0o755, 0o600]);
    const target = { path: SPARE, volume: 'directory' } as const;
    const steps = [this.#step('change', ['createExecutable'], target)];
    return { name: 'chmod-memory', numbers: [mode, 0], steps: isExecutable(mode) ? steps : [] };
  }

  #unlink(): Making {
    const file = this.#random.chance(0.2) ? this.#files.symlink() : this.#files.textOrTool();
    const steps = [this.#step('delete', ['deleteFile'], file)];
    return { name: 'unlink', path: file.path, steps };
  }

  #removeFolder(): Making {
    const folder = this.#files.folder();
    const steps = [this.#step('delete', ['deleteFile'], folder)];
    return { name: 'rmdir', path: folder.path, steps };
  }

  #rename(): Making {
    const isFolder = this.#random.chance(0.2);
    // Overlayfs moves no folder of the image.
    const old = isFolder
      ? this.#files.folder(this.#files.place(({ origin }) => origin !== 'image'))
      : this.#random.chance(0.25)
        ? this.#files.symlink()
        : this.#files.textOrTool();
    const file = this.#files.absent(this.#files.neighbour(old.place));
    const gone = this.#step('rename', ['deleteFile', 'renameFile'], old, file);
    return {
      name: 'rename',
      path: old.path,
      other: file.path,
      numbers: [this.#random.pick([0, RENAME_NOREPLACE]), 0],
      // A folder that comes to be is no file that does.
      steps: isFolder ? [gone] : [gone, this.#step('rename', created(old.mode), file, old)],
    };
  }

  #renameOver(): Making {
    const old = this.#files.textOrTool();
    const file = this.#files.textOrTool(this.#files.neighbour(old.place));
    return {
      name: 'rename',
      path: old.path,
      other: file.path,
      steps: [
        this.#step('rename', ['deleteFile', 'renameFile'], old, file),
        this.#step('rename', replaced(file.mode, old.mode), file, old),
      ],
    };
  }

  #exchange(): Making {
    const one = this.#files.textOrTool();
    const two = this.#files.textOrTool(this.#files.neighbour(one.place));
    return {
      name: 'rename',
      path: one.path,
      other: two.path,
      numbers: [RENAME_EXCHANGE, 0],
      steps: [
        this.#step('rename', [...replaced(one.mode, two.mode), 'renameFile'], one, two),
        this.#step('rename', [...replaced(two.mode, one.mode), 'renameFile'], two, one),
      ],
    };
  }

  #anyMode(): number {
    return this.#random.pick(this.#random.pick(MODES));
  }

  #execStep({ path, origin }: Pick<File, 'path' | 'origin'>): Step {
    return execStep(this.#actor, path, origin);
  }

  /** `other`: the second name of a rename or a link. */
  #step(
    hook: HookName,
    operations: readonly Operation[],
    target: Target,
    other?: { readonly path: string },
  ): Step {
    return fileStep(this.#actor, hook, operations, target, { other: other?.path ?? '' });
  }
}
