import {
  anchorsAndAliases,
  blowup,
  conditionOf,
  dangling,
  doubling,
  fill,
  INDICATORS,
  inOneLine,
  inside,
  laughs,
  letter,
  many,
  mergeBlowup,
  mergeLaughs,
  multiplying,
  named,
  paths,
  pathsOf,
  quoted,
  SIZE,
  selectorsOf,
} from './bomb-shapes.js';

export interface Bomb {
  readonly name: string;
  readonly source: string;
}

const GLOB_UNITS: readonly string[] = [
  ...['*', '**', '**/', '?', '*a', '**a', '/**/a', '[', '[a]', '[!a]', '{', '{a,', '{,}'],
  ...['{a,b}', '\\', '}'],
];

/** The largest documents of one thing, and the smallest that stand for much. */
export const BOMBS: readonly Bomb[] = [
  ...INDICATORS.map((unit) => ({
    name: `nothing but ${JSON.stringify(unit)}`,
    source: fill(unit),
  })),
  { name: 'billion laughs', source: laughs(9, 9) },
  { name: 'billion laughs in selectors', source: selectorsOf(laughs(9, 9), '*k8') },
  { name: 'billion laughs with as many steps as fit', source: laughs(6000, 2) },
  { name: 'merge laughs', source: mergeLaughs(8, 8) },
  { name: 'a chain of merges', source: mergeLaughs(5000, 1) },
  { name: 'a merge of itself', source: '&a\n<<: *a' },
  { name: 'an alias within its own anchor', source: 'a: &a [*a]' },
  { name: 'quadratic blowup of a list', source: blowup(`[${'a,'.repeat(20_000)}]`, 20_000) },
  { name: 'quadratic blowup of a mapping', source: mergeBlowup(5000, 10_000) },
  { name: 'quadratic blowup of a text', source: blowup('a'.repeat(SIZE / 2), 30_000) },
  { name: 'anchors and as many aliases', source: anchorsAndAliases(12_000) },
  { name: 'one anchor given again and again', source: `[${'&a a,*a,'.repeat(20_000)}]` },
  { name: 'different keys', source: many(18_000, (at) => `k${at}: ${at}`) },
  { name: 'different keys in flow style', source: `{${inOneLine(20_000, (at) => `k${at}: 1,`)}}` },
  { name: 'one key', source: fill('process:\n') },
  { name: 'ever deeper indentation', source: many(700, (at) => `${' '.repeat(at)}a:`) },
  { name: 'ever deeper lists', source: many(700, (at) => `${' '.repeat(at)}-`) },
  { name: 'lists in lists', source: `${'['.repeat(SIZE / 2)}${']'.repeat(SIZE / 2)}` },
  {
    name: 'lists at the limit of depth',
    source: `[${`${'['.repeat(60)}${']'.repeat(60)},`.repeat(1900)}]`,
  },
  { name: 'mappings in keys', source: `${'{? '.repeat(SIZE / 8)}a${'}'.repeat(SIZE / 8)}` },
  { name: 'a text of one line', source: inside('', 'a'.repeat(SIZE - 512), '') },
  { name: 'a text of many lines', source: inside('"', 'a\n\n        '.repeat(23_000), '"') },
  { name: 'a text of escapes', source: inside('"', '\\x41'.repeat(60_000), '"') },
  {
    name: 'a text of one line behind another',
    source: inside('|\n', '        a\n'.repeat(25_000), ''),
  },
  { name: 'a text that is folded', source: inside('>\n', '        a\n\n'.repeat(22_000), '') },
  { name: 'as many values as fit', source: inside('[', 'a,'.repeat(120_000), ']') },
  { name: 'as many values below the tokens', source: inside('[', 'a,'.repeat(28_000), ']') },
  { name: 'as many paths as fit', source: pathsOf(inOneLine(12_000, (at) => `/a${at},`)) },
  { name: 'as many faults as fit', source: pathsOf(fill('"[",', 200_000)) },
  {
    name: 'misspelt keys',
    source: selectorsOf('', `[${'{nome: a, oparation: 1},'.repeat(3000)}]`),
  },
  {
    name: 'misspelt keys of one selector',
    source: selectorsOf('', `[{${inOneLine(16_000, (at) => `kk${at}: 1,`)}}]`),
  },
  { name: 'misspelt values', source: inside('[', 'contaner,'.repeat(25_000), ']') },
  {
    name: 'misspelt capabilities',
    source: conditionOf(
      'processCapability',
      inOneLine(3800, (at) => `CAP_NET_${'X'.repeat(52)}${at % 1000},`),
    ),
  },
  { name: 'dangling references', source: dangling(1000, 's', 9000, 't') },
  {
    name: 'dangling references among long names',
    source: dangling(1000, 'a'.repeat(120), 250, 'b'.repeat(60)),
  },
  { name: 'selectors at their limit', source: selectorsOf('', `[${inOneLine(1023, named)}]`) },
  { name: 'selectors above their limit', source: selectorsOf('', `[${inOneLine(4000, named)}]`) },
  ...GLOB_UNITS.flatMap((unit) => [
    { name: `a path of ${unit}`, source: pathsOf(quoted(`/${fill(unit, 250)}`)) },
    { name: `4096 paths of ${unit}`, source: pathsOf(paths(4096, unit, 40)) },
    { name: `as many long paths of ${unit} as fit`, source: pathsOf(paths(1000, unit, 240)) },
  ]),
  {
    name: 'braces that expand much',
    source: pathsOf(`${quoted(`/${'{a,b}'.repeat(8)}`)},`.repeat(16)),
  },
  { name: 'braces that expand too much', source: pathsOf(quoted(`/${'{a,b}'.repeat(40)}`)) },
  {
    name: 'braces that expand much in what is refused',
    source: pathsOf(`${quoted(`${'{a,b}'.repeat(8)}${'x'.repeat(190)}`)},`.repeat(1000)),
  },
  { name: 'braces in braces', source: pathsOf(quoted(`/${'{a,'.repeat(60)}${'}'.repeat(60)}`)) },
];

/** Policies that are accepted, and whose automaton takes more than a node has, or very nearly. */
export const TABLE_BOMBS: readonly Bomb[] = [
  { name: 'patterns that multiply states', patterns: multiplying(600) },
  { name: 'patterns that double states', patterns: doubling(200) },
  { name: 'one pattern that doubles states', patterns: `'/**a${'?'.repeat(240)}',` },
  {
    name: 'patterns that are at many places at once',
    patterns: inOneLine(100, (at) => `'/**${letter(at)}${'?'.repeat(180)}${at}',`),
  },
  {
    name: 'patterns that stay within a component',
    patterns: inOneLine(200, (at) => `'/${'?'.repeat(at)}*${letter(at)}${at}',`),
  },
  {
    name: 'patterns of few states with many places each',
    patterns: inOneLine(200, (at) => `'/**${'?'.repeat(at)}[a-z]**${at}',`),
  },
].map(({ name, patterns }) => ({ name, source: pathsOf(patterns) }));
