import { idOf } from '../api/lookup.js';
import { optionLines, SESSION_EXITS, SESSION_HELP } from '../api/resource-commands.js';
import { openSession, SESSION_FLAGS, SESSION_TEXTS } from '../api/session.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, UsageError } from '../command.js';
import { printable } from '../output.js';

export const source: Command = {
  help: `bulkhead policy source POLICY [OPTIONS]

Prints the document of a policy, by its name or id, as it was sent.

${optionLines([['--version NUMBER', 'of this version (default: the latest)'], ...SESSION_HELP])}
On a terminal, characters that could steer it are shown as \\u{...}.

Exit codes: 0 done, ${SESSION_EXITS}
`,
  run: async (args, io) => {
    const read = readArguments(args, {
      flags: SESSION_FLAGS,
      texts: [...SESSION_TEXTS, 'version'],
      operands: { what: 'POLICY', min: 1, max: 1 },
    });
    const wanted = read.texts.get('version');
    if (wanted !== undefined && !/^[1-9]\d{0,8}$/.test(wanted)) {
      throw new UsageError('--version is a number from 1');
    }
    const client = await openSession(read, io);
    const id = await idOf(client, 'policy', read.operands[0] ?? '');
    const path = `/v1/policies/${encodeURIComponent(id)}`;
    const version = wanted ?? String((await client.get(path)).latestVersion);
    const text = String((await client.get(`${path}/versions/${version}`)).source);
    io.stdout.write(io.stdout.isTerminal ? text.split('\n').map(printable).join('\n') : text);
    return EXIT.fine;
  },
};
