import { contextOf } from '../api/session.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, UsageError } from '../command.js';
import { say } from '../output.js';
import { changeContexts, isContextName } from './contexts.js';

const EXITS = `Exit codes: 0 done, 2 usage, or there is no such context, 3 the file could not be read or written.
`;

export const use: Command = {
  help: `bulkhead context use NAME

Makes a context the current one: commands ask its control plane where nothing else is said.

${EXITS}`,
  run: async (args, io) => {
    const [name = ''] = namesFrom(args, 'NAME', 1);
    await changeContexts(io, (contexts) => ({
      ...contexts,
      current: contextOf(contexts, name).name,
    }));
    say(io, `the current context is ${name}`);
    return EXIT.fine;
  },
};

export const rename: Command = {
  help: `bulkhead context rename OLD NEW

Gives a context another name.

${EXITS}`,
  run: async (args, io) => {
    const [old = '', name = ''] = namesFrom(args, 'OLD and NEW', 2);
    checkName(name);
    await changeContexts(io, (all) => {
      const renamed = contextOf(all, old);
      if (all.contexts.some((one) => one.name === name)) {
        throw new UsageError(`there is a context ${name} already`);
      }
      return {
        current: all.current === old ? name : all.current,
        contexts: all.contexts.map((one) => (one === renamed ? { ...one, name } : one)),
      };
    });
    return EXIT.fine;
  },
};

export const remove: Command = {
  help: `bulkhead context delete NAME

Forgets a context and its API key. The key itself is good as before: see "bulkhead api-key revoke".

${EXITS}`,
  run: async (args, io) => {
    const [name = ''] = namesFrom(args, 'NAME', 1);
    await changeContexts(io, (all) => {
      const removed = contextOf(all, name);
      return {
        current: all.current === name ? undefined : all.current,
        contexts: all.contexts.filter((one) => one !== removed),
      };
    });
    return EXIT.fine;
  },
};

/** @throws UsageError */
export function checkName(name: string): void {
  if (isContextName(name)) return;
  throw new UsageError('a context is named with letters, digits, ".", "_" and "-", 63 at most');
}

function namesFrom(args: readonly string[], what: string, count: number): readonly string[] {
  const operands = { what, min: count, max: count };
  return readArguments(args, { flags: [], texts: [], operands }).operands;
}
