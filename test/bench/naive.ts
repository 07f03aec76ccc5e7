/** What lost: one regular expression for each pattern, tried one after another until one of a list matches. */
export class NaiveMatcher {
  readonly #lists: readonly (readonly RegExp[])[];

  constructor(lists: readonly (readonly string[])[]) {
    this.#lists = lists.map((list) => list.map(regExpOf));
  }

  /** How many lists have a pattern that matches. */
  count(path: string): number {
    let count = 0;
    for (const list of this.#lists) if (list.some((pattern) => pattern.test(path))) count += 1;
    return count;
  }
}

const PARTS: Readonly<Record<string, string>> = {
  '/**/': '/(?:.*/)?',
  '**': '.*',
  '*': '[^/]*',
  '?': '[^/]',
};

/** Of the patterns of the benchmark: braces and escapes are not among them. */
function regExpOf(pattern: string): RegExp {
  const source = pattern.replaceAll(/\/\*\*\/|\*\*|\*|\?|\[[^\]]*\]|[.+^$(){}|\\]/g, (part) => {
    if (part.startsWith('[')) return part.replace('[!', '[^/');
    return PARTS[part] ?? `\\${part}`;
  });
  return new RegExp(`^${source}$`, 's');
}
