import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/**
 * Asks at the terminal that standard input is; what is hidden is not echoed. undefined: standard
 * input is no terminal, or was ended (Ctrl-D). Ctrl-C ends the process, as anywhere.
 */
export function askAt(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): (question: string, answer: 'shown' | 'hidden') => Promise<string | undefined> {
  return (question, answer) => {
    if (input.isTTY !== true) return Promise.resolve(undefined);
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    // What is shown the terminal itself echoes.
    const lines =
      answer === 'hidden'
        ? createInterface({ input, output: nowhere, terminal: true })
        : createInterface({ input, terminal: false });
    // Not before the echo is off: somebody may be quick.
    output.write(question);
    return new Promise((resolve) => {
      lines.on('SIGINT', () => {
        lines.close();
        process.kill(process.pid, 'SIGINT');
      });
      lines.once('line', (line) => {
        resolve(line);
        lines.close();
      });
      lines.once('close', () => {
        if (answer === 'hidden') output.write('\n');
        resolve(undefined);
      });
    });
  };
}
