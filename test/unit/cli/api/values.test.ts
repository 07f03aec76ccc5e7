import { describe, expect, it } from '@jest/globals';
import { valueFromText } from '../../../../control-plane/cli/api/values.js';
import { UsageError } from '../../../../control-plane/cli/command.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('valueFromText', () => {
  it.each([
    ['past', '90m', '2026-01-31T10:30:00.000Z'],
    ['past', '7d', '2026-01-24T12:00:00.000Z'],
    ['future', '24h', '2026-02-01T12:00:00.000Z'],
    ['past', '2026-01-01T00:00:00+02:00', '2026-01-01T00:00:00+02:00'],
    ['minutes', '2h', 120],
    ['integer', '12', 12],
    ['integer', '-1', -1],
    ['labels', '', {}],
    ['labels', 'env=prod, tier=', { env: 'prod', tier: '' }],
  ] as const)('reads %s %s', (as, text, value) => {
    expect(valueFromText('--x', text, { as }, NOW)).toEqual(value);
  });

  it.each([
    ['past', 'yesterday', '--x is a time as in 2026-01-31T12:00:00Z, 90m, 24h, 7d, not yesterday'],
    ['minutes', '30s', '--x is a time as in 90m, 24h, 7d, not 30s'],
    ['integer', '1.5', '--x is a number, not 1.5'],
    ['labels', 'env', '--x is key=value,..., not env'],
    ['labels', '=a', '--x is key=value,..., not =a'],
    ['labels', 'a=1,a=2', '--x has a twice'],
  ] as const)('refuses %s %s', (as, text, message) => {
    const read = () => valueFromText('--x', text, { as }, NOW);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });

  it('knows words', () => {
    const words = ['open', 'closed'];
    expect(valueFromText('--status', 'open', { words }, NOW)).toBe('open');
    const read = (text: string) => () => valueFromText('--status', text, { words }, NOW);
    expect(read('opn')).toThrow('--status has no opn, did you mean open?');
    expect(read('else')).toThrow('--status has no else: open, closed');
  });
});
