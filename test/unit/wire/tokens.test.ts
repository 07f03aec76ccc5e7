import { describe, expect, it } from '@jest/globals';
import { createToken, parseToken, TOKEN_KINDS } from '../../../proto/ts/wire/tokens.js';

describe('parseToken', () => {
  const token = createToken(TOKEN_KINDS.join);

  it('gives back what createToken made, also with white space around it', () => {
    expect(token.text).toMatch(/^bkh_jt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$/);
    expect(parseToken(TOKEN_KINDS.join, `  ${token.text}\n`)).toEqual(token);
  });

  it('refuses another kind', () => {
    expect(parseToken(TOKEN_KINDS.apiKey, token.text)).toBeUndefined();
  });

  it('refuses a token that lacks any one character or has any one changed', () => {
    for (let index = 0; index < token.text.length; index += 1) {
      const before = token.text.slice(0, index);
      const after = token.text.slice(index + 1);
      const changed = token.text[index] === 'a' ? 'b' : 'a';
      expect(parseToken(TOKEN_KINDS.join, before + after)).toBeUndefined();
      expect(parseToken(TOKEN_KINDS.join, before + changed + after)).toBeUndefined();
    }
  });
});
