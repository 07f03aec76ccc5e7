import fc from 'fast-check';

/** A policy as plain data; JSON.stringify of it is a document that means the same. */
export interface Model {
  readonly version?: string;
  readonly process?: ModelSection;
  readonly file?: ModelSection;
  readonly unknownContainer?: string;
}
export interface ModelSection {
  readonly selectors: readonly ModelSelector[];
  readonly responses: readonly ModelResponse[];
}
export interface ModelSelector {
  readonly name: string;
  readonly [condition: string]: string | boolean | readonly string[];
}
export interface ModelResponse {
  readonly match: readonly string[];
  readonly exclude?: readonly string[];
  readonly actions: readonly string[];
}

export interface Layout {
  /** Decides everything that is left open, one after the other, over and over. */
  readonly choices: readonly number[];
  readonly anchors: boolean;
}

const NAMES = ['a', 'shells', 'b-1', 'true', '12', 'null', 'C_d', 'no', 'x'];
const PATHS = ['/bin/sh', '/tmp/**', '/a b/*', '/{x,y}/z', '/etc/#c', "/it's", '/q"q'];

function selector(section: 'process' | 'file', name: string): fc.Arbitrary<ModelSelector> {
  const some = (values: readonly string[]): fc.Arbitrary<string[]> =>
    fc.subarray([...values], { minLength: 1 });
  const operations = section === 'process' ? ['exec', 'fork', 'load'] : ['createFile', 'openFile'];
  return fc
    .record(
      {
        operation: some(operations),
        containerPrivileged: fc.boolean(),
        kubernetesNamespace: some(['ci-*', 'default', '1', 'yes']),
        processExecutable: some(PATHS),
        processUserId: some(['0', '1000-1999']),
      },
      { requiredKeys: ['operation'] },
    )
    .map((conditions) => ({ name, ...conditions }));
}

function section(name: 'process' | 'file'): fc.Arbitrary<ModelSection> {
  return fc.subarray(NAMES, { minLength: 1, maxLength: 4 }).chain((names) =>
    fc.record({
      selectors: fc.tuple(...names.map((one) => selector(name, one))),
      responses: fc.array(
        fc.record(
          {
            match: fc.subarray(names, { minLength: 1 }),
            exclude: fc.subarray(names, { minLength: 1 }),
            actions: fc.subarray(['log', 'alert'], { minLength: 1 }),
          },
          { requiredKeys: ['match', 'actions'] },
        ),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  );
}

export const models: fc.Arbitrary<Model> = fc.record(
  {
    version: fc.constantFrom('1.0.0', '1'),
    process: section('process'),
    file: section('file'),
    unknownContainer: fc.constantFrom('allow', 'enforce'),
  },
  { requiredKeys: ['process'] },
);

export function layouts(anchors: boolean): fc.Arbitrary<Layout> {
  const choices = fc.array(fc.nat(1000), { minLength: 97, maxLength: 97, size: 'max' });
  return fc.record({ choices, anchors: fc.constant(anchors) });
}

/** The model as a document, laid out in some way and with comments anywhere. */
export function strewn(model: Model, layout: Layout): string {
  const writer = new Strewer(layout);
  if (writer.pick(8) === 0) return JSON.stringify(model, undefined, writer.pick(3));
  const eol = writer.pick(4) === 0 ? '\r\n' : '\n';
  const text = writer.document(model).join(eol);
  return writer.pick(4) === 0 ? text : text + eol;
}

class Strewer {
  readonly #choices: readonly number[];
  readonly #anchors: Map<string, string> | undefined;
  /** What the lists of a section are indented by. */
  readonly #indent: string;
  #taken = 0;
  #comments = 0;

  constructor({ choices, anchors }: Layout) {
    this.#choices = choices;
    this.#anchors = anchors ? new Map() : undefined;
    this.#indent = ' '.repeat(this.pick(3) * 2);
  }

  pick(below: number): number {
    this.#taken += 1;
    return (this.#choices[this.#taken % this.#choices.length] ?? 0) % below;
  }

  document(model: Model): string[] {
    const parts = this.#shuffled(Object.entries(model)).map(([key, value]) =>
      typeof value === 'string'
        ? [`${key}: ${this.#scalar(value)}${this.#beside()}`]
        : [`${key}:${this.#beside()}`, ...this.#section(value)],
    );
    return [...parts.flatMap((lines) => [...this.#above(''), ...lines]), ...this.#above('')];
  }

  #section(model: ModelSection): string[] {
    const lists = this.#shuffled([
      { key: 'selectors', items: model.selectors },
      { key: 'responses', items: model.responses },
    ]);
    return lists.flatMap(({ key, items }) => [
      ...this.#above('  '),
      `  ${key}:${this.#beside()}`,
      ...items.flatMap((item) => this.#item(item)),
      ...this.#above(`  ${this.#indent}`),
    ]);
  }

  #item(item: object): string[] {
    const indent = `  ${this.#indent}`;
    if (this.pick(6) === 0) {
      return [...this.#above(indent), `${indent}- ${JSON.stringify(item)}${this.#beside()}`];
    }
    const lines = this.#shuffled(Object.entries(item)).flatMap(([key, value]) => [
      ...this.#above(`${indent}  `),
      ...this.#pair(key, value, `${indent}  `),
    ]);
    const first = lines.findIndex((line) => /^ *[^ #]/.test(line));
    const below = lines.slice(first + 1);
    const top = lines[first] ?? '';
    return [
      ...lines.slice(0, first).map((line) => line.replace(/^ {2}/, '')),
      `${indent}- ${top.trimStart()}`,
      ...below,
      ...this.#above(`${indent}  `),
    ];
  }

  #pair(key: string, value: unknown, indent: string): string[] {
    if (!Array.isArray(value)) {
      return [`${indent}${key}: ${this.#scalar(value)}${this.#beside()}`];
    }
    const text = value.join();
    const alias = this.#anchors?.get(text);
    if (alias && this.pick(2) === 0) return [`${indent}${key}: *${alias}${this.#beside()}`];
    const anchor = this.#anchors && this.pick(2) === 0 ? `m${this.#taken}` : undefined;
    if (anchor) this.#anchors?.set(text, anchor);
    const head = `${indent}${key}:${anchor ? ` &${anchor}` : ''}`;
    const items = value.map((one) => this.#scalar(one));
    switch (this.pick(3)) {
      case 0:
        return [`${head} [${items.join(this.pick(2) ? ', ' : ' ,')}]${this.#beside()}`];
      case 1:
        return [
          head + this.#beside(),
          ...items.flatMap((one) => [
            ...this.#above(`${indent}  `),
            `${indent}  - ${one}${this.#beside()}`,
          ]),
        ];
      default:
        return [
          `${head} [${this.#beside()}`,
          ...items.flatMap((one) => [
            ...this.#above(`${indent}  `),
            `${indent}  ${one},${this.#beside()}`,
          ]),
          `${indent}  ]${this.#beside()}`,
        ];
    }
  }

  #scalar(value: unknown): string {
    if (typeof value !== 'string') return String(value);
    const plain = /^[A-Za-z/][\w*./-]*$/.test(value) && !/^(?:true|null|yes|no)$/.test(value);
    if (plain && this.pick(2) === 0) return value;
    return this.pick(2) === 0 ? `'${value.replaceAll("'", "''")}'` : JSON.stringify(value);
  }

  #beside(): string {
    return this.pick(4) === 0 ? ` # beside ${this.#comments++}` : '';
  }

  #above(indent: string): string[] {
    const comment = `${indent}# above ${this.#comments++}`;
    return [[], [], [], [], [''], [comment], ['', comment], [comment, '']][this.pick(8)] ?? [];
  }

  #shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.flatMap(() => rest.splice(this.pick(rest.length), 1));
  }
}
