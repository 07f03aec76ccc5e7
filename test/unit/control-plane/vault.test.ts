import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createVault } from '../../../control-plane/domain/vault.js';

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

  it('wants a key of 32 bytes', () => {
    expect(() => createVault(randomBytes(31))).toThrow(RangeError);
  });
});
