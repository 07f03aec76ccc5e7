import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { trustSha256 } from '../../../proto/ts/wire/trust.js';

const sha256 = (text: string) => createHash('sha256').update(text);
const key = (name: string) => ({ keyId: `id of ${name}`, publicKeyDer: Buffer.from(name) });

it('a trust is named by what is in it, in whatever order', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  const trust = { caCertificatesDer: [a, b], signingKeys: [key('k'), key('l')] };
  const lines = [
    ...['a', 'b'].map((text) => `ca ${sha256(text).digest('hex')}`),
    ...['k', 'l'].map((text) => `key ${sha256(text).digest('hex')}`),
  ];
  expect(trustSha256(trust)).toEqual(sha256(lines.sort().join('\n')).digest());
  const turned = { caCertificatesDer: [b, a], signingKeys: [key('l'), key('k')] };
  expect(trustSha256(turned)).toEqual(trustSha256(trust));
});

it('and whatever is in it counts', () => {
  const full = { caCertificatesDer: [Buffer.from('a')], signingKeys: [key('k')] };
  const others = [
    { ...full, caCertificatesDer: [] },
    { ...full, signingKeys: [] },
    { ...full, signingKeys: [key('k'), key('l')] },
    // What is an authority to one is no key to the other.
    { caCertificatesDer: [Buffer.from('k')], signingKeys: [key('a')] },
  ];
  const names = [full, ...others].map((trust) => trustSha256(trust).toString('hex'));
  expect(new Set(names).size).toBe(names.length);
});
