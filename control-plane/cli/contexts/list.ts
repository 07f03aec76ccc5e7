import { FORMATS, formatFrom, printJsonSafely, printYamlSafely } from '../api/formats.js';
import { contextOf } from '../api/session.js';
import { tableLines } from '../api/table.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io } from '../command.js';
import { printable, printLines } from '../output.js';
import { type Context, type Contexts, readContexts } from './contexts.js';

const OPTIONS = `  -o, --output FORMAT   ${FORMATS.join(', ')} (default table)
  --no-headers          no titles above a table
`;

export const list: Command = {
  help: `bulkhead context list [OPTIONS]

Lists the contexts: the control planes that you have logged in to, each with its address and API
key, in $XDG_CONFIG_HOME/bulkhead/config.yaml, which only you may read. Keys are never shown.

${OPTIONS}
Which control plane a command asks, the first that there is:

  --server URL        with the key in BULKHEAD_API_KEY
  --context NAME      of this context
  BULKHEAD_SERVER     with the key in BULKHEAD_API_KEY, and the authority in BULKHEAD_CA_FILE
  BULKHEAD_CONTEXT    of this context
  the current context, which "bulkhead login" and "bulkhead context use" set

Exit codes: 0 done, 2 usage, 3 the file could not be read, or others may read it.
`,
  run: async (args, io) => {
    const contexts = await readContexts(io);
    return print(contexts, contexts.contexts, read(args, 0, io).shown, io);
  },
};

export const show: Command = {
  help: `bulkhead context show [NAME] [OPTIONS]

Shows a context, the current one where none is named.

${OPTIONS}
Exit codes: 0 done, 2 usage, or there is none, 3 the file could not be read, or others may read it.
`,
  run: async (args, io) => {
    const { shown, name } = read(args, 1, io);
    const contexts = await readContexts(io);
    return print(contexts, [contextOf(contexts, name)], shown, io);
  },
};

interface Shown {
  readonly format: (typeof FORMATS)[number];
  readonly headers: boolean;
}

function read(args: readonly string[], max: number, { settings }: Io) {
  const { flags, texts, operands } = readArguments(args, {
    flags: ['no-headers'],
    texts: ['output'],
    short: { o: 'output' },
    operands: { what: 'NAME', min: 0, max },
  });
  const shown: Shown = {
    format: formatFrom(texts.get('output')),
    headers: !flags.has('no-headers'),
  };
  return { shown, name: operands[0] ?? settings.context };
}

async function print(
  { current }: Contexts,
  contexts: readonly Context[],
  { format, headers }: Shown,
  io: Io,
): Promise<ExitCode> {
  const items = contexts.map(({ name, server, caFile, apiKey }) => ({
    name,
    server,
    ...(caFile !== undefined && { caFile }),
    current: name === current,
    loggedIn: apiKey !== undefined,
  }));
  if (format === 'json') printJsonSafely(io.stdout, { items });
  else if (format === 'yaml') await printYamlSafely(io.stdout, { items });
  else if (format === 'name') {
    printLines(
      io.stdout,
      items.map(({ name }) => printable(name)),
    );
  } else {
    const rows = items.map((one) => [
      one.current ? '*' : '',
      one.name,
      one.server,
      one.loggedIn ? 'yes' : 'no',
      ...(format === 'wide' ? [one.caFile ?? '-'] : []),
    ]);
    const titles = ['', 'NAME', 'SERVER', 'LOGGED IN', ...(format === 'wide' ? ['CA FILE'] : [])];
    printLines(io.stdout, tableLines({ titles, rows }, headers, io.stdout.columns));
  }
  return EXIT.fine;
}
