import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { openOutput } from '../../../control-plane/cli/process-io.js';

describe('openOutput', () => {
  /** A stream that takes one text and then fails. */
  function failing(code: string) {
    const written: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        if (written.length > 0) done(Object.assign(new Error('lost'), { code }));
        else {
          written.push(String(chunk));
          done();
        }
      },
    });
    return { output: openOutput(stream), written };
  }

  it.each([
    ['EPIPE', undefined],
    ['ENOSPC', 'lost'],
  ])('writes no more after %s', async (code, failure) => {
    const { output, written } = failing(code);
    output.write('a');
    expect(output.isTerminal).toBe(false);
    expect(written).toEqual(['a']);
    output.write('b');
    expect(await output.flushed()).toBe(failure);
    output.write('c');
    expect(await output.flushed()).toBe(failure);
    expect(written).toEqual(['a']);
  });
});
