import { CAPABILITIES } from '../../../proto/ts/policy/capabilities.js';
import { escapeGlob } from '../../../proto/ts/policy/glob.js';
import {
  type BundledPolicy,
  EXECUTABLE_ORIGINS,
  type Operation,
  type SectionName,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { Random } from '../../fuzz/random.js';
import type { Act } from './acts.js';

/** Conditions and values of one selector. */
type Selector = Record<string, unknown> & {
  readonly name: string;
  readonly operation?: readonly Operation[];
};

export interface DrawnPolicy {
  readonly bundled: BundledPolicy;
  readonly source: string;
}

const PROCESS_OPERATIONS: readonly Operation[] = ['fork', 'exec', 'load'];
const FILE_OPERATIONS: readonly Operation[] = [
  ...(['createExecutable', 'modifyExecutable', 'createFile', 'modifyFile', 'deleteFile'] as const),
  ...(['openFile', 'renameFile'] as const),
];
const USERS = ['0', '1000', '1000-1001', '1-999', '1001-70000', '70000', '70001-4294967294'];
/** Of the container of the test, and of others. */
const FACTS: readonly (readonly [condition: string, values: readonly string[]])[] = [
  ['containerImageFullName', ['registry.example/acts', 'registry.example/*', 'other.example/acts']],
  ['containerImageName', ['acts', 'a?ts', 'nginx']],
  ['containerImageTag', ['1', '[0-9]', '2']],
  ['containerImageDigest', [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`]],
  ['containerName', ['main', 'm*', 'side']],
  ['kubernetesNamespace', ['default', 'd{a,e}fault', 'kube-system']],
  ['kubernetesPodName', ['pod', 'p*', 'other']],
];

/** Draws policies out of the paths that acts are about. */
export class PolicyMaker {
  readonly #random: Random;
  readonly #executables: readonly string[];
  readonly #parents: readonly string[];
  readonly #targets: readonly string[];

  constructor(random: Random, acts: readonly Act[]) {
    const steps = acts.flatMap((act) => act.steps);
    const distinct = (paths: readonly string[]): string[] =>
      [...new Set(paths)].filter((path) => path !== '');
    this.#random = random;
    this.#executables = distinct(steps.map(({ executable }) => executable));
    this.#parents = distinct(steps.map(({ parent }) => parent));
    this.#targets = distinct(steps.map(({ target }) => target));
  }

  make(policyId: string): DrawnPolicy {
    const document = {
      process: this.#section('process'),
      ...(this.#targets.length > 0 && { file: this.#section('file') }),
    };
    const source = JSON.stringify(document);
    const { policy, problems } = parsePolicy(source);
    if (!policy) throw new Error(`a bad policy was drawn: ${JSON.stringify(problems)} ${source}`);
    const mode = this.#random.chance(0.75) ? 'enforce' : 'observe';
    return { bundled: { policyId, version: 1, name: policyId, mode, policy }, source };
  }

  #section(name: SectionName): object {
    const random = this.#random;
    const selectors = Array.from({ length: random.between(3, 7) }, (_, index) =>
      name === 'process' ? this.#processSelector(`s${index}`) : this.#fileSelector(`s${index}`),
    );
    const blockable = selectors.filter((selector) => canBlock(name, selector));
    const responses = random.times(random.between(3, 6), () => {
      const blocks = blockable.length > 0 && random.chance(0.35);
      const match = this.#some(blocks ? blockable : selectors, 3);
      const exclude = random.chance(0.3) ? this.#some(selectors, 2) : [];
      return {
        match: match.map((selector) => selector.name),
        ...(exclude.length > 0 && { exclude: exclude.map((selector) => selector.name) }),
        actions: blocks
          ? random.pick([
              ['alert', 'block'],
              ['log', 'alert', 'block'],
            ])
          : random.pick([['log'], ['log'], ['alert'], ['log', 'alert']]),
      };
    });
    return { selectors, responses };
  }

  #processSelector(name: string): Selector {
    const random = this.#random;
    const operation = random.chance(0.85)
      ? { operation: this.#some(['exec', 'exec', ...PROCESS_OPERATIONS] as Operation[], 3) }
      : {};
    const selector = {
      ...operation,
      ...(random.chance(0.3) && { executableOrigin: this.#some(originWords(), 3) }),
      ...this.#executable(0.35, 0.15),
      ...(random.chance(0.2) && { parentExecutable: this.#patterns(this.#parents) }),
      ...(random.chance(0.2) && { sessionLeaderInteractive: random.chance(0.5) }),
      ...this.#common(),
    };
    return {
      name,
      ...selector,
      ...(Object.keys(selector).length === 0 && { operation: ['exec'] }),
    };
  }

  #fileSelector(name: string): Selector {
    const random = this.#random;
    const operation = random.chance(0.85) ? { operation: this.#some(FILE_OPERATIONS, 4) } : {};
    const selector = {
      ...operation,
      ...(random.chance(0.65) && {
        targetFilePath: this.#patterns(this.#targets.filter((path) => path.length < 200)),
      }),
      ...(random.chance(0.2) && {
        [random.pick(['ignoreVolumeMounts', 'ignoreVolumeFiles'])]: true,
      }),
      ...this.#executable(0.15, 0.1),
      ...this.#common(),
    };
    return {
      name,
      ...selector,
      ...(Object.keys(selector).length === 0 && { operation: ['openFile'] }),
    };
  }

  #executable(pathChance: number, nameChance: number): object {
    const draw = this.#random.next();
    if (draw < pathChance) return { processExecutable: this.#patterns(this.#executables) };
    if (draw > pathChance + nameChance) return {};
    const names = this.#executables
      .map((path) => textOf(path.slice(path.lastIndexOf('/') + 1)))
      .flatMap((name) => (name === undefined ? [] : [name, name.slice(0, 15)]));
    return names.length === 0 ? {} : { processName: this.#some(names, 4) };
  }

  #common(): object {
    const random = this.#random;
    const [fact, values] = random.pick(FACTS);
    return {
      ...(random.chance(0.2) && { processUserId: this.#some(USERS, 3) }),
      ...(random.chance(0.15) && {
        processCapability: this.#some([...CAPABILITIES, 'CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'], 3),
      }),
      ...(random.chance(0.15) && { [fact]: this.#some(values, 2) }),
    };
  }

  /** One to `most` different ones. */
  #some<T>(list: readonly T[], most: number): T[] {
    const count = this.#random.between(1, most);
    return [...new Set(this.#random.times(count, () => this.#random.pick(list)))];
  }

  #patterns(paths: readonly string[]): string[] {
    const count = this.#random.between(1, 4);
    return [...new Set(this.#random.times(count, () => this.#pattern(this.#random.pick(paths))))];
  }

  /** In one of all the ways in which a path can be meant, or missed by little. */
  #pattern(path: string): string {
    const components = path.slice(1).split('/').map(componentPattern);
    for (let left = this.#random.pick([0, 1, 1, 1, 2]); left > 0; left -= 1) {
      this.#loosen(components);
    }
    return `/${components.join('/')}`;
  }

  /** Changes a pattern: most often so that it still means what it did. */
  #loosen(components: string[]): void {
    const random = this.#random;
    const index = random.below(components.length);
    const one = components[index] ?? '';
    const isPlain = /^[\w.-]+$/.test(one);
    const at = random.below(one.length);
    const replaced = (text: string): string => one.slice(0, at) + text + one.slice(at + 1);
    switch (random.below(12)) {
      case 0:
        components[index] = '*';
        break;
      case 1:
        components.splice(index, components.length, '**');
        break;
      case 2:
        components.splice(-1, 1, random.pick(['*', '*', '?*', '**']));
        break;
      case 3:
        components.splice(0, components.length - 1, '**');
        break;
      case 4:
        components.splice(index, random.between(0, 2), '**');
        break;
      case 5:
        if (isPlain) components[index] = replaced('?');
        break;
      case 6:
        if (isPlain)
          components[index] = replaced(random.pick(['[a-z]', '[!0-9]', '[^x]', '[a-m.]']));
        break;
      case 7:
        if (isPlain)
          components[index] = random.pick([`{${one},other}`, `{x,{y,${one}}}`, `${one}{,s}`]);
        break;
      case 8:
        if (isPlain) components[index] = `${one.slice(0, at)}*`;
        break;
      case 9:
        if (isPlain) components[index] = `*${one.slice(at)}`;
        break;
      case 10:
        if (isPlain) components[index] = `${one.slice(0, at)}**${one.slice(at + 1)}`;
        break;
      default:
        components[index] = `${one}x`;
    }
  }
}

function originWords(): string[] {
  return Object.keys(EXECUTABLE_ORIGINS);
}

/** Of the process section nodes do not block forks; of files nothing is blocked without a path. */
function canBlock(section: SectionName, { operation, targetFilePath }: Selector): boolean {
  if (section === 'process') return operation !== undefined && !operation.includes('fork');
  return targetFilePath !== undefined;
}

/** Bytes as text; undefined: they are none. */
function textOf(bytes: string): string | undefined {
  const text = Buffer.from(bytes, 'latin1').toString();
  return text.includes('\ufffd') ? undefined : text;
}

/** What means a component and nothing else, or any byte where a byte is no text. */
function componentPattern(bytes: string): string {
  const text = textOf(bytes);
  return text === undefined ? escapeGlob(bytes).replaceAll(/[^ -~]/g, '?') : escapeGlob(text);
}
