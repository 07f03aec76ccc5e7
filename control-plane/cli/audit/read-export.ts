import { createReadStream } from 'node:fs';
import { AUDIT_ACTOR_KINDS, type AuditHead, type AuditRecord } from '../../domain/audit.js';
import type { Io } from '../command.js';

/** Of one record; the server writes some 3 kB at most. */
const LINE_MAX_CHARACTERS = 64 * 1024;

/** The export is not of the form that the API writes. */
export class MalformedExport extends Error {
  override readonly name = 'MalformedExport';

  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

export interface AuditExport {
  readonly head: AuditHead;
  readonly records: AsyncIterable<AuditRecord>;
}

/**
 * What GET /v1/audit-log/export wrote, `-` for standard input: the head of the chain, and its records
 * one by one, so that a chain of any length fits into memory.
 * @throws MalformedExport; errors of the file system
 */
export async function readExport(path: string, io: Io): Promise<AuditExport> {
  const lines = linesOf(path, io);
  const first = await lines.next();
  if (first.done) throw new MalformedExport(1, 'the export is empty');
  const { head } = objectOf(1, first.value);
  if (typeof head !== 'object' || head === null) throw new MalformedExport(1, 'no head');
  const reader = new Fields(1, { ...head });
  return {
    head: { sequence: reader.sequence('sequence'), hash: reader.hash('hash') },
    records: recordsOf(lines),
  };
}

async function* recordsOf(lines: AsyncGenerator<string>): AsyncGenerator<AuditRecord> {
  let number = 1;
  for await (const line of lines) {
    number += 1;
    yield recordOf(new Fields(number, objectOf(number, line)));
  }
}

function recordOf(fields: Fields): AuditRecord {
  const actorKind = AUDIT_ACTOR_KINDS.find((kind) => kind === fields.text('actorKind'));
  if (!actorKind) throw fields.wrong('actorKind');
  return {
    tenantId: fields.text('tenantId'),
    sequence: fields.sequence('sequence'),
    time: fields.time('time'),
    actorKind,
    actorId: fields.text('actorId'),
    actorName: fields.text('actorName'),
    action: fields.text('action'),
    targetKind: fields.text('targetKind'),
    targetId: fields.text('targetId'),
    details: fields.object('details') as AuditRecord['details'],
    previousHash: fields.hash('previousHash'),
    hash: fields.hash('hash'),
    ...(fields.has('beforeSha256') && { beforeSha256: fields.hash('beforeSha256') }),
    ...(fields.has('afterSha256') && { afterSha256: fields.hash('afterSha256') }),
    ...(fields.has('sourceAddress') && { sourceAddress: fields.text('sourceAddress') }),
    ...(fields.has('userAgent') && { userAgent: fields.text('userAgent') }),
    ...(fields.has('requestId') && { requestId: fields.text('requestId') }),
  };
}

/** The members of a line, each in its form. */
class Fields {
  constructor(
    private readonly line: number,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string') throw this.wrong(name);
    return value;
  }

  object(name: string): object {
    const value = this.values[name];
    if (typeof value !== 'object' || value === null) throw this.wrong(name);
    return value;
  }

  sequence(name: string): bigint {
    const text = this.text(name);
    if (!/^(0|[1-9]\d{0,18})$/.test(text)) throw this.wrong(name);
    return BigInt(text);
  }

  hash(name: string): Buffer {
    const text = this.text(name);
    if (!/^[0-9a-f]{64}$/.test(text)) throw this.wrong(name);
    return Buffer.from(text, 'hex');
  }

  time(name: string): Date {
    const text = this.text(name);
    const time = new Date(text);
    // The chain holds the very text.
    if (Number.isNaN(time.getTime()) || time.toISOString() !== text) throw this.wrong(name);
    return time;
  }

  wrong(name: string): MalformedExport {
    return new MalformedExport(this.line, `${name} is missing or has another form`);
  }
}

function objectOf(line: number, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Told below.
  }
  throw new MalformedExport(line, 'no JSON object');
}

async function* linesOf(path: string, io: Io): AsyncGenerator<string> {
  let number = 1;
  let rest = '';
  const tooLong = () => new MalformedExport(number, 'the line is longer than a record can be');
  const decoder = new TextDecoder();
  for await (const chunk of path === '-' ? io.stdin() : createReadStream(path)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.length > LINE_MAX_CHARACTERS) throw tooLong();
      yield line;
      number += 1;
    }
    if (rest.length > LINE_MAX_CHARACTERS) throw tooLong();
  }
  if (rest !== '') yield rest;
}
