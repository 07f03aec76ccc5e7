import { type Io, UsageError } from '../command.js';
import { printable, say } from '../output.js';

/** Asks on a terminal, unless --yes was given. @throws UsageError where nobody can be asked */
export async function confirmed(question: string, yes: boolean, io: Io): Promise<boolean> {
  if (yes) return true;
  const answer = await io.ask(`${printable(question)} [y/N] `, 'shown');
  if (answer === undefined) throw new UsageError('nobody is there to be asked: give --yes');
  if (/^y(es)?$/i.test(answer.trim())) return true;
  say(io, 'nothing was done');
  return false;
}
