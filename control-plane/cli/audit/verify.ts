import { AUDIT_GENESIS, type AuditHead } from '../../domain/audit.js';
import { type ChainFault, type ChainVerdict, verifyChain } from '../../domain/audit-chain.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from '../command.js';
import { describeFileError, nameOf } from '../files.js';
import { count, printJson, say } from '../output.js';
import { MalformedExport, readExport } from './read-export.js';

const HELP = `bulkhead audit verify [--after HEAD] [--json] FILE

Verifies an exported audit log: that every record is as it was written, that none is missing, moved
or put in, and that the chain ends where its head says. Names the first record that is not so.

  curl -H "Authorization: Bearer $KEY" "$URL/v1/audit-log/export" | bulkhead audit verify -

  FILE      the export, JSON lines, or - for standard input
  --after   the head of an earlier verification, SEQUENCE:HASH: the export begins after it, with
            ?afterSequence=SEQUENCE, and must go on from there
  --json    one JSON document instead

Note the head that it prints in another place: who can write to the database can make a chain anew,
but not one that goes on from a head that you noted.

Exit codes: 0 the chain holds, 1 it does not, 2 usage, 3 the file could not be read.
`;

export const verify: Command = {
  help: HELP,
  run,
};

const REASONS: Readonly<Record<ChainFault, string>> = {
  gap: 'is missing',
  order: 'comes again, or too late',
  'previous-hash': 'does not follow the one before it',
  hash: 'is not what was written',
  head: 'does not fit the head of the chain: records at its end are missing or too many',
};

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, texts, operands } = readArguments(args, {
    flags: ['json'],
    texts: ['after'],
    operands: { what: 'FILE', min: 1, max: 1 },
  });
  const start = headFromText(texts.get('after'));
  const [path = ''] = operands;
  const file = nameOf(path);
  const json = flags.has('json');
  try {
    const { head, records } = await readExport(path, io);
    return tell(await verifyChain(records, start, head), json, file, io);
  } catch (error) {
    if (error instanceof MalformedExport) {
      const { line, message } = error;
      if (json) printJson(io.stdout, { ok: false, file, line, message });
      else say(io, `${file}:${line}: ${message}`);
      return EXIT.no;
    }
    if (typeof error !== 'object' || error === null || !('errno' in error)) throw error;
    const message = describeFileError(error);
    if (json) printJson(io.stdout, { ok: false, faults: [{ file, message }] });
    say(io, `${file}: ${message}`);
    return EXIT.file;
  }
}

function tell(verdict: ChainVerdict, json: boolean, file: string, io: Io): ExitCode {
  if (!verdict.ok) {
    const { sequence, reason } = verdict;
    if (json) printJson(io.stdout, { ok: false, file, sequence: String(sequence), reason });
    else io.stdout.write(`record ${sequence} ${REASONS[reason]}\n`);
    return EXIT.no;
  }
  const head = headToText(verdict.head);
  if (json) printJson(io.stdout, { ok: true, file, count: verdict.count, head });
  else io.stdout.write(`${count(verdict.count, 'record')}, the chain holds\nhead ${head}\n`);
  return EXIT.fine;
}

function headToText({ sequence, hash }: AuditHead): string {
  return `${sequence}:${Buffer.from(hash).toString('hex')}`;
}

/** @throws UsageError */
function headFromText(text: string | undefined): AuditHead {
  if (text === undefined) return AUDIT_GENESIS;
  const match = /^(\d{1,18}):([0-9a-f]{64})$/.exec(text);
  if (!match) throw new UsageError('--after is SEQUENCE:HASH, as a verification prints its head');
  return { sequence: BigInt(match[1] ?? 0), hash: Buffer.from(match[2] ?? '', 'hex') };
}
