import { describe, expect, it } from '@jest/globals';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { judgeControl, judgeRun, type Observed, stoppedAs } from '../../attack/judge.js';
import { LEGITIMATE_WORK } from '../../attack/legitimate.js';
import { FORBID_DRIFT } from '../../attack/policies.js';
import { type PlaceReport, reportText, totalsOf } from '../../attack/report.js';
import type { Technique } from '../../attack/technique.js';
import { TECHNIQUES } from '../../attack/techniques.js';

const technique: Technique = {
  ...{ name: 'copied', program: 'copied', about: '', operation: 'exec' },
};
const observed = (stdout: string, more: Partial<Observed> = {}): Observed => ({
  ...{ stdout, stderr: '', exitCode: 0, timedOut: false, proved: false },
  ...more,
});
const outcomeOf = (run: Observed, alerted = true, of = technique) =>
  judgeRun(of, run, alerted).outcome;

describe('the run without a policy', () => {
  it('must get to its act and succeed', () => {
    expect(judgeControl(observed('ready\nexit 42\n', { proved: true }))).toBeUndefined();
    expect(judgeControl(observed('ready\nexit 1\n'))?.outcome).toBe('broken');
    expect(judgeControl(observed('', { proved: true }))?.outcome).toBe('broken');
  });

  it('may tell what the kernel lacks', () => {
    const run = observed('ready\nabsent io_uring is disabled\n');
    expect(judgeControl(run)).toEqual({ outcome: 'absent', note: 'io_uring is disabled' });
  });
});

describe('the run under the policy', () => {
  it('is stopped only with its own word, an alert, and no proof', () => {
    expect(outcomeOf(observed('ready\nerrno 1\n'))).toBe('denied');
    expect(outcomeOf(observed('ready\nerrno 13\n'))).toBe('denied');
    expect(outcomeOf(observed('ready\nsignal 9\n'))).toBe('killed');
    expect(outcomeOf(observed('ready\n', { exitCode: 137 }))).toBe('killed');
    expect(outcomeOf(observed('ready\nerrno 1\n'), false)).toBe('broken');
    expect(outcomeOf(observed('ready\nerrno 2\n'))).toBe('broken');
    expect(outcomeOf(observed('errno 1\n'))).toBe('broken');
    expect(outcomeOf(observed('ready\n', { exitCode: 137, timedOut: true }))).toBe('broken');
  });

  it('is missed whenever the proof is there, whatever was told', () => {
    expect(outcomeOf(observed('ready\nerrno 1\n', { proved: true }))).toBe('missed');
    expect(outcomeOf(observed('ready\nsignal 9\n', { proved: true }))).toBe('missed');
  });

  it('may leave a file changed where the process was killed for it', () => {
    const run = observed('ready\nsignal 9\n', { proved: true });
    const file: Technique = { ...technique, operation: 'file' };
    expect(judgeRun(file, run, true)).toEqual({ outcome: 'killed', note: 'what it did stands' });
    expect(outcomeOf(run, false, file)).toBe('missed');
    expect(outcomeOf(observed('ready\nexit 0\n', { proved: true }), true, file)).toBe('missed');
  });

  it('says how it was stopped', () => {
    expect(stoppedAs(observed('ready\nexit 0\n'))).toBeUndefined();
  });
});

describe('the report', () => {
  const report = (kernel: string, outcome: 'killed' | 'missed' | 'absent'): PlaceReport => ({
    place: { kernel, backend: 'signal' },
    results: [
      { kind: 'technique', name: 'copied', outcome, note: '' },
      { kind: 'legitimate', name: 'jit', outcome: 'untouched', note: '' },
    ],
    failure: undefined,
  });

  it('counts the worst outcome of a technique over all places', () => {
    expect(totalsOf([report('a', 'killed'), report('b', 'missed')])).toMatchObject({
      ...{ techniques: 1, stopped: 0, missed: 1, absent: 0 },
    });
    expect(totalsOf([report('a', 'killed'), report('b', 'absent')])).toMatchObject({
      ...{ techniques: 1, stopped: 1, missed: 0, absent: 0 },
    });
    expect(totalsOf([report('a', 'absent')])).toMatchObject({ techniques: 0, absent: 1 });
  });

  it('ends both of its tables with a line for machines', () => {
    const lines = reportText([report('a', 'killed')]).split('\n');
    expect(lines).toContain('false blocks 0');
    expect(lines.at(-3)).toBe('attack, a signal: 1 techniques, denied/killed 1, missed 0');
    expect(lines.at(-2)).toBe('attack: 1 techniques, denied/killed 1, missed 0');
  });
});

describe('the table', () => {
  it('names each thing once', () => {
    for (const table of [TECHNIQUES, LEGITIMATE_WORK]) {
      expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
    }
  });

  it.each(TECHNIQUES)('$name has a policy that is accepted', ({ policy = FORBID_DRIFT }) => {
    const { problems } = parsePolicy(policy);
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
