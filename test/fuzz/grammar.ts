import { CAPABILITIES } from '../../proto/ts/policy/capabilities.js';
import {
  type ConditionName,
  conditionsOf,
  EXCLUSIVE_CONDITIONS,
  operationsOf,
  type TextForm,
  WORKLOAD_KINDS,
  wordOf,
} from '../../proto/ts/policy/language.js';
import {
  EXECUTABLE_ORIGINS,
  SECTION_NAMES,
  type SectionName,
} from '../../proto/ts/policy/model.js';
import type { Random } from './random.js';
import { type Tree, writeTree } from './yaml-style.js';

const NAMES = ['a', 'b', 'web', 'drifted', 'X_1', '9', 'build-pods', 'shells', 'z'.repeat(128)];
const COMPONENTS = [
  ...['usr', 'bin', 'etc', 'tmp', 'var', 'lib', 'sh', 'bash', 'a', 'é', '.ssh', 'x y'],
];
const COMPONENT_GLOBS = [
  ...['*', '**', '?', '[a-z]', '[!0-9]x', '{a,b}', '{,x}', 'a*', '*.sh', '\\*', '[a]'],
];
const NAME_PARTS = ['web', 'db', '-', '1', 'a', 'prod'];
const NAME_GLOBS = ['*', '?', '[a-c]', '[!x]', '[x]', '{a,b}', '{,x}', '**', '\\*', '\\a'];
const ACTION_LISTS = [['log'], ['alert'], ['log', 'alert']];
const TAGS = ['latest', '1.25', '1.*', '{1,2}.0', '*', 'v[0-9]', '[-]x', '\\1'];
const FULL_NAMES = [
  ...['docker.io/library/nginx', 'nginx/unit', 'ghcr.io/**', 'a.b:5000/c/*', '[::1]/x', '[a]b/c'],
  ...['[::1]:5000/{x,y}/*', 'a\\b/c', '{a.b,c.d}/e', '**/x', 'index.docker.io/x', 'localhost/x'],
];
const IMAGE_NAMES = ['nginx', 'a-b', 'ng*', 'a__b.c', '{api,web}', '[a]b', '\\A', '{,x}'];
const KINDS = ['*', '*Set', '{Job,CronJob}', '[J]ob', '\\Job', '[x]', ...WORKLOAD_KINDS];

/** A policy document that is mostly well formed: what nothing but luck could mutate seeds into. */
export function generateDocument(random: Random): string {
  const sections = random.chance(0.4) ? SECTION_NAMES : [random.pick(SECTION_NAMES)];
  const entries: [string, Tree][] = sections.map((name) => [name, sectionTree(random, name)]);
  if (random.chance(0.3)) entries.unshift(['version', random.pick(['1', '1.0', '1.0.0'])]);
  if (random.chance(0.3)) {
    entries.push(['unknownContainer', random.pick(['allow', 'enforce'])]);
  }
  return writeTree({ entries }, random);
}

function sectionTree(random: Random, section: SectionName): Tree {
  const start = random.below(NAMES.length);
  const names = random
    .times(random.between(1, 4), () => '')
    .map((_, at) => NAMES[(start + at) % NAMES.length] ?? '');
  const response = (): Tree => {
    const entries: [string, Tree][] = [
      ['match', random.times(random.between(1, 2), () => random.pick(names))],
      ['actions', random.pick(random.chance(0.2) ? [['alert', 'block']] : ACTION_LISTS)],
    ];
    if (random.chance(0.4)) entries.push(['exclude', [random.pick(names)]]);
    return { entries };
  };
  const selectors = names.map((name) => selectorTree(random, section, name));
  const responses = random.times(random.between(1, 3), response);
  return {
    entries: [
      ['selectors', selectors],
      ['responses', responses],
    ],
  };
}

function selectorTree(random: Random, section: SectionName, name: string): Tree {
  const chosen = new Set<ConditionName>();
  for (const condition of random.times(random.between(1, 4), () =>
    random.pick(conditionsOf(section)),
  )) {
    const rival = EXCLUSIVE_CONDITIONS.find((pair) => pair.includes(condition));
    if (!rival?.some((one) => chosen.has(one)) || random.chance(0.02)) chosen.add(condition);
  }
  const entries = [...chosen].map((condition): [string, Tree] => [
    condition,
    conditionTree(random, section, condition),
  ]);
  return { entries: [['name', name], ...entries] };
}

function conditionTree(random: Random, section: SectionName, condition: ConditionName): Tree {
  const { type } = wordOf(condition);
  const list = (draw: () => string): Tree => random.times(random.magnitude(6), draw);
  switch (type.kind) {
    case 'operations':
      return list(() => random.pick(operationsOf(section)));
    case 'origins':
      return list(() => random.pick(Object.keys(EXECUTABLE_ORIGINS)));
    case 'capabilities':
      return list(() => random.pick(CAPABILITIES));
    case 'userIds':
      return list(() => {
        const first = random.magnitude(4_294_967_294) - 1;
        return random.chance(0.5) ? `${first}` : `${first}-${first + random.magnitude(1000) - 1}`;
      });
    case 'flag':
      return { bare: random.pick(['true', 'false']) };
    case 'texts':
      return list(() => textValue(random, type.form));
  }
}

function textValue(random: Random, form: TextForm): string {
  switch (form) {
    case 'path':
      return `/${parts(random, 5, COMPONENTS, COMPONENT_GLOBS, 0.3).join('/')}`;
    case 'label':
      return `${nameGlob(random)}:${nameGlob(random)}`;
    case 'workload':
      return `${random.pick(KINDS)}/${nameGlob(random)}`;
    case 'imageFullName':
      return random.pick(FULL_NAMES) + imageSuffix(random);
    case 'imageName':
      return random.pick(IMAGE_NAMES) + imageSuffix(random);
    case 'imageTag':
      return random.pick(TAGS);
    case 'imageDigest':
      return `sha256:${random.pick(['a', '0', 'f']).repeat(64)}`;
    case 'fileName':
      return random.pick(['sh', 'bash', 'a'.repeat(15), 'é', '*', '[', 'x\\y']);
    case 'exact':
      return random.pick(['c1', 'c2', 'prod*', 'é']);
    case 'glob':
    case 'argument':
      return nameGlob(random);
  }
}

function nameGlob(random: Random): string {
  return parts(random, 3, NAME_PARTS, NAME_GLOBS, 0.25).join('');
}

function imageSuffix(random: Random): string {
  const tag = random.chance(0.2) ? `:${random.pick(TAGS)}` : '';
  return random.chance(0.1) ? `${tag}@sha256:${'b'.repeat(64)}` : tag;
}

function parts(
  random: Random,
  most: number,
  texts: readonly string[],
  globs: readonly string[],
  share: number,
): string[] {
  return random.times(random.between(1, most), () =>
    random.pick(random.chance(share) ? globs : texts),
  );
}
