import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { keyIdOf, signEnvelope, verifyEnvelope } from '../../../proto/ts/wire/dsse.js';

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { keyId: keyIdOf(publicKey), publicKey, privateKey };
}

const payload = Buffer.from('a bundle');

describe('verifyEnvelope', () => {
  const key = newKey();
  const keys = new Map([[key.keyId, key.publicKey]]);

  it('gives back the payload that a known key signed', () => {
    expect(verifyEnvelope(signEnvelope(payload, [key]), keys)).toEqual(payload);
  });

  it('passes over signatures by unknown keys beside a good one', () => {
    expect(verifyEnvelope(signEnvelope(payload, [newKey(), key]), keys)).toEqual(payload);
  });

  it('refuses an envelope without a signature by a known key', () => {
    for (const signers of [[], [newKey()]]) {
      expect(() => verifyEnvelope(signEnvelope(payload, signers), keys)).toThrow(
        expect.objectContaining({ code: 'BUNDLE_UNSIGNED' }),
      );
    }
  });

  it('refuses a changed payload and a changed signature', () => {
    const envelope = JSON.parse(signEnvelope(payload, [key]).toString());
    const changes = [
      { payload: Buffer.from('another').toString('base64') },
      { signatures: [{ keyid: key.keyId, sig: Buffer.alloc(64).toString('base64') }] },
      { signatures: [{ keyid: key.keyId, sig: '' }] },
    ];
    for (const change of changes) {
      expect(() =>
        verifyEnvelope(Buffer.from(JSON.stringify({ ...envelope, ...change })), keys),
      ).toThrow(expect.objectContaining({ code: 'BUNDLE_SIGNATURE_INVALID' }));
    }
  });

  it('refuses what is not an envelope of a bundle', () => {
    const envelope = JSON.parse(signEnvelope(payload, [key]).toString());
    const wrong = [
      'no json',
      'null',
      '{}',
      JSON.stringify({ ...envelope, payloadType: 'application/json' }),
      JSON.stringify({ ...envelope, signatures: [{ keyid: 1, sig: '' }] }),
    ];
    for (const text of wrong) {
      expect(() => verifyEnvelope(Buffer.from(text), keys)).toThrow(
        expect.objectContaining({ code: 'BUNDLE_MALFORMED' }),
      );
    }
  });
});
