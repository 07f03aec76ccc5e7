import { describe, expect, it } from '@jest/globals';
import { personFromClaims, roleFromGroups } from '../../../control-plane/domain/logins.js';

const NAMES = { email: 'email', emailVerified: 'email_verified', name: 'name', groups: 'groups' };
const person = (claims: Record<string, unknown>) => personFromClaims(NAMES, claims);

describe('who somebody is, by their claims', () => {
  it('is read from the claims that the tenant names', () => {
    const names = { email: 'mail', emailVerified: 'xms_edov', name: 'cn', groups: 'roles' };
    const claims = {
      mail: 'A@Example.org',
      xms_edov: true,
      cn: ' A ',
      roles: ['x', 'y'],
      email: 'b@x',
    };
    expect(personFromClaims(names, claims)).toEqual({
      email: 'a@example.org',
      isEmailVerified: true,
      name: 'A',
      groups: new Set(['x', 'y']),
    });
  });

  it.each<[unknown, boolean]>([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
    [1, false],
    [undefined, false],
    [null, false],
    [{}, false],
  ])('an address of which %j is said is verified: %j', (value, verified) => {
    expect(person({ email_verified: value }).isEmailVerified).toBe(verified);
  });

  it.each([
    'nobody',
    '@example.org',
    'a@b@c',
    'a b@example.org',
    'a\u0000@example.org',
    '\u212aim@example.org',
    '\u0130da@example.org',
    `${'a'.repeat(250)}@example.org`,
    ['a@example.org'],
    { toString: () => 'a@example.org' },
    null,
    7,
  ])('%j is no address', (email) => {
    expect(person({ email }).email).toBeUndefined();
  });

  it('a claim that an object has by nature is none', () => {
    const names = { ...NAMES, name: 'toString', groups: '__proto__' };
    expect(personFromClaims(names, {})).toMatchObject({ name: undefined, groups: new Set() });
  });

  it('a group is text, one or several', () => {
    expect(person({ groups: 'one' }).groups).toEqual(new Set(['one']));
    expect(person({ groups: ['one', 2, null, { a: 1 }] }).groups).toEqual(new Set(['one']));
    expect(person({ groups: { one: true } }).groups).toEqual(new Set());
  });

  it('a name is printable and not too long', () => {
    expect(person({ name: 'A\u0007\u200b B\n' }).name).toBe('A B');
    expect(person({ name: '\n' }).name).toBeUndefined();
    expect(person({ name: 'x'.repeat(999) }).name).toHaveLength(253);
  });
});

it('the first group that fits counts', () => {
  const list = [
    { group: 'a', role: 'admin' },
    { group: 'b', role: 'viewer' },
    { group: 'a', role: 'operator' },
  ];
  expect(roleFromGroups(list, new Set(['b', 'a']))?.role).toBe('admin');
  expect(roleFromGroups(list, new Set(['b']))?.role).toBe('viewer');
  expect(roleFromGroups(list, new Set(['A', 'toString']))).toBeUndefined();
});
