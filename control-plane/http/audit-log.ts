import { Readable } from 'node:stream';
import { Type } from 'typebox';
import {
  AUDIT_ACTOR_KINDS,
  AUDIT_GENESIS,
  type AuditHead,
  type AuditRecord,
} from '../domain/audit.js';
import { getAuditHead, listAudit } from '../store/audit-log.js';
import { verifyAuditLog, walkAuditChain } from '../store/audit-verification.js';
import type { Database, TenantContext } from '../store/database.js';
import { callerOf, readTenant } from './caller.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  instantFromText,
  integerText,
  NO_CONTROLS,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  Sha256,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Sequence = Type.String({
  pattern: '^(0|[1-9][0-9]{0,18})$',
  description: '64 bits, as decimal text.',
});
const HEAD = { sequence: Sequence, hash: Sha256 };

const Details = Type.Unsafe<Readonly<Record<string, unknown>>>({
  type: 'object',
  additionalProperties: true,
});

const Record = Type.Object(
  {
    tenantId: Id,
    sequence: Sequence,
    time: Instant,
    actorKind: oneOf(AUDIT_ACTOR_KINDS),
    actorId: Type.String(),
    actorName: Type.String({ description: 'As it was called then.' }),
    action: Type.String({ description: '`cluster.create`, `assignment.update` ...' }),
    targetKind: Type.String(),
    targetId: Type.String(),
    beforeSha256: Type.Optional(
      Type.String({ description: 'Of the thing as canonical JSON (RFC 8785); absent: none was.' }),
    ),
    afterSha256: Type.Optional(Type.String()),
    details: Details,
    sourceAddress: Type.Optional(Type.String()),
    userAgent: Type.Optional(Type.String()),
    requestId: Type.Optional(Type.String()),
    previousHash: Sha256,
    hash: Sha256,
  },
  { title: 'AuditRecord' },
);

const word = (maxLength: number) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, pattern: NO_CONTROLS }));
const AuditQuery = closed({
  ...PageQuery,
  action: word(64),
  actorId: word(253),
  targetKind: word(32),
  targetId: word(253),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive.' })),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'Exclusive.' })),
});

export function auditLogRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['audit log'];

  api.get(
    '/v1/audit-log',
    {
      schema: {
        operationId: 'listAuditLog',
        summary: 'Who did what, newest first',
        tags,
        querystring: AuditQuery,
        response: { 200: pageOf('AuditPage', Record) },
      },
    },
    async (request) => {
      const { since, until, ...filter } = filterFromQuery(request.query);
      const page = await readTenant(database, request, (tx) =>
        listAudit(tx, {
          ...filter,
          since: since === undefined ? undefined : instantFromText('since', since),
          until: until === undefined ? undefined : instantFromText('until', until),
        }),
      );
      return pageToJson(page, recordToJson);
    },
  );

  api.get(
    '/v1/audit-log/verification',
    {
      schema: {
        operationId: 'verifyAuditLog',
        summary: 'Holds every record to the chain and the chain to its head',
        description: 'By the server itself; an export can be verified elsewhere.',
        tags,
        response: {
          200: Type.Object(
            {
              intact: Type.Boolean(),
              count: Type.Optional(Type.Integer()),
              head: Type.Optional(Type.Object(HEAD, { title: 'AuditHead' })),
              sequence: Type.Optional(
                Type.String({ description: 'Of the first record that is broken, or is missing.' }),
              ),
              reason: Type.Optional(oneOf(['gap', 'order', 'previous-hash', 'hash', 'head'])),
            },
            { title: 'AuditVerification' },
          ),
        },
      },
    },
    async (request) => {
      const { ok, ...verdict } = await verifyAuditLog(database, callerOf(request));
      return { intact: ok, ...toJson(verdict) };
    },
  );

  api.get(
    '/v1/audit-log/export',
    {
      schema: {
        operationId: 'exportAuditLog',
        summary: 'The chain in its order, as JSON lines',
        description:
          'The first line is the head of the chain as it is now, each other one a record.',
        tags,
        querystring: closed({ afterSequence: Type.Optional(integerText(0, 999_999_999_999_999)) }),
        produces: ['application/x-ndjson'],
        response: { 200: Type.Unsafe<Readable>({ type: 'string', description: 'JSON lines.' }) },
      },
    },
    async (request, reply) => {
      const context = { tenantId: callerOf(request).tenantId };
      const head = (await readTenant(database, request, getAuditHead)) ?? AUDIT_GENESIS;
      const after = BigInt(request.query.afterSequence ?? 0);
      reply.type('application/x-ndjson');
      return reply.send(
        Readable.from(linesOf(database, context, { ...AUDIT_GENESIS, sequence: after }, head)),
      );
    },
  );
}

async function* linesOf(
  database: Database,
  context: TenantContext,
  start: AuditHead,
  head: AuditHead,
): AsyncGenerator<string> {
  yield `${JSON.stringify({ head: toJson(head), tenantId: context.tenantId })}\n`;
  for await (const record of walkAuditChain(database, context, start, head)) {
    yield `${JSON.stringify(recordToJson(record))}\n`;
  }
}

function recordToJson({ details, ...record }: AuditRecord) {
  // The details are JSON already.
  return { ...toJson(record), details: { ...details } };
}
