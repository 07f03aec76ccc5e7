import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  conditionsOf,
  defaultOperations,
  isConditionName,
  nearest,
  OPERATION_WORDS,
  wordOf,
} from '../../../proto/ts/policy/language.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { ROOT } from '../../support/sources.js';

const page = readFileSync(join(ROOT, 'proto/ts/policy/LANGUAGE.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const namesIn = (cell: string | undefined) =>
  [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '');

describe("the language's page", () => {
  it('has every condition, in its section', () => {
    const told = rows.flatMap(([, names, section]) =>
      namesIn(names)
        .filter(isConditionName)
        .map((name) => [name, section] as const),
    );
    const known = [...new Set([...conditionsOf('process'), ...conditionsOf('file')])].map(
      (name) => {
        const { sections } = wordOf(name);
        return [name, sections.length === 2 ? 'both' : (sections[0] ?? '')] as const;
      },
    );
    expect([...told].sort()).toEqual([...known].sort());
  });

  it('has every operation, its section and whether it has to be named', () => {
    const told = rows.flatMap(([, names, section, byDefault]) =>
      namesIn(names)
        .filter((name) => Object.hasOwn(OPERATION_WORDS, name))
        .map((name) => [name, section, byDefault]),
    );
    const known = Object.entries(OPERATION_WORDS).map(([name, { section, byDefault }]) => [
      name,
      section,
      byDefault ? 'yes' : 'no',
    ]);
    expect(told.sort()).toEqual(known.sort());
  });

  it('begins with a policy that is accepted without a warning', () => {
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    const { policy, problems } = parsePolicy(example ?? '');
    expect(problems).toEqual([]);
    expect(policy?.file?.selectors[0]?.operations).toEqual([
      'createExecutable',
      'modifyExecutable',
    ]);
  });
});

describe('words', () => {
  it('are by default what D4C has', () => {
    expect(defaultOperations('process')).toEqual(['fork', 'exec']);
    expect(defaultOperations('file')).toEqual([
      'createExecutable',
      'modifyExecutable',
      'createFile',
      'modifyFile',
      'deleteFile',
    ]);
  });

  it('are found when they are misspelt', () => {
    const known = conditionsOf('process');
    expect(nearest('processNmae', known)).toBe('processName');
    expect(nearest('kubernetesNameSpace', known)).toBe('kubernetesNamespace');
    expect(nearest('something else', known)).toBeUndefined();
  });
});
