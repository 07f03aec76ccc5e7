import { optionLines, SESSION_EXITS, SESSION_HELP } from '../api/resource-commands.js';
import { openSession, SESSION_FLAGS, SESSION_TEXTS } from '../api/session.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, UsageError } from '../command.js';

export const exportLog: Command = {
  help: `bulkhead audit export [OPTIONS]

Prints the audit log as JSON lines, the head of its chain first. "bulkhead audit verify" takes it:

  bulkhead audit export > audit.jsonl && bulkhead audit verify audit.jsonl

${optionLines([
  ['--after-sequence NUMBER', 'only the records behind this one'],
  ...SESSION_HELP.map(([name, about]) =>
    name.startsWith('--timeout')
      ? ([name, 'give up where nothing comes for so long (default 30)'] as const)
      : ([name, about] as const),
  ),
])}
Exit codes: 0 done, ${SESSION_EXITS}
`,
  run: async (args, io) => {
    const read = readArguments(args, {
      flags: SESSION_FLAGS,
      texts: [...SESSION_TEXTS, 'after-sequence'],
      operands: { what: '', min: 0, max: 0 },
    });
    const afterSequence = read.texts.get('after-sequence');
    if (afterSequence !== undefined && !/^(0|[1-9]\d{0,14})$/.test(afterSequence)) {
      throw new UsageError('--after-sequence is a number from 0');
    }
    const client = await openSession(read, io);
    await client.stream('/v1/audit-log/export', { afterSequence }, (text) => io.stdout.write(text));
    return EXIT.fine;
  },
};
