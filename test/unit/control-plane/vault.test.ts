import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createVault } from '../../../control-plane/domain/vault.js';

const FORMER = 'AYtynGJenc7DPXjNoBRbMc/Ae8MIFCDVf2ANJP6U5HtG1+CjOMWm79BR';

describe('the vault', () => {
  const vault = createVault(randomBytes(32));
  const secret = Buffer.from('a private key');

  it('opens what it sealed, and seals the same secret differently each time', () => {
    const sealed = vault.seal('ca', secret);
    expect(vault.open('ca', sealed)).toEqual(secret);
    expect(vault.seal('ca', secret)).not.toEqual(sealed);
    expect(sealed.includes(secret)).toBe(false);
  });

  it('opens nothing under another purpose or master key', () => {
    const sealed = vault.seal('ca', secret);
    expect(() => vault.open('webhook', sealed)).toThrow();
    expect(() => createVault(randomBytes(32)).open('ca', sealed)).toThrow();
  });

  it('opens nothing that was changed or cut anywhere', () => {
    const sealed = vault.seal('ca', secret);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => vault.open('ca', changed)).toThrow();
      expect(() => vault.open('ca', sealed.subarray(0, index))).toThrow();
    }
  });

  it('opens with either of two keys, and seals with the active one', () => {
    const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
    const [old, both] = [createVault(oldKey), createVault(newKey, oldKey)];
    expect(both.open('ca', old.seal('ca', secret))).toEqual(secret);
    const sealed = both.seal('ca', secret);
    expect(createVault(newKey).open('ca', sealed)).toEqual(secret);
    expect(() => old.open('ca', sealed)).toThrow('no key that is known');
    const { activePrefix } = both;
    expect(sealed.subarray(0, activePrefix.length)).toEqual(activePrefix);
    old.useKeys(newKey, oldKey);
    expect(old.open('ca', sealed)).toEqual(secret);
    expect(old.activePrefix).toEqual(activePrefix);
  });

  it('opens what was sealed before values had the id of their key', () => {
    // Made by that version, under 32 bytes of 1, for the purpose `ca`.
    const former = Buffer.from(FORMER, 'base64');
    const key = Buffer.alloc(32, 1);
    expect(createVault(key).open('ca', former)).toEqual(secret);
    expect(createVault(randomBytes(32), key).open('ca', former)).toEqual(secret);
    expect(() => createVault(randomBytes(32)).open('ca', former)).toThrow('no key that is known');
    expect(() => createVault(key).open('webhook', former)).toThrow();
  });

  it('wants a key of 32 bytes', () => {
    expect(() => createVault(randomBytes(31))).toThrow(RangeError);
  });
});
