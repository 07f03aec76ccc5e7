import { createHash } from 'node:crypto';
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { ERROR_CODES } from '../../proto/ts/wire/errors.js';
import { type Access, accessOf, DOCS_PREFIX, PERMISSION_SCOPES } from './access.js';
import { cookiesOf } from './cookies.js';
import { isFresh } from './fresh.js';
import { POLICY_PROBLEMS } from './policy-shapes.js';
import { PROBLEM_CONTENT_TYPE } from './problem.js';
import type { Api } from './server.js';

const API_VERSION = '1.0.0';
const CACHE_CONTROL = 'public, max-age=300';
const API_KEY = 'apiKey';
const KEYS = 'An API key, `bkh_ak_...`; above tenants a platform key, `bkh_pk_...`.';
const SESSION = 'session';

/** What a route's schema says beside the shapes that validate it. */
declare module 'fastify' {
  interface FastifySchema {
    /** One sentence. */
    summary?: string;
    description?: string;
    tags?: readonly string[];
    /** Unique; a generated client names its function so. */
    operationId?: string;
  }
}

const TAGS: Readonly<Record<string, string>> = {
  tenant: 'Who am I.',
  clusters: 'The nodes that share policies; usually a Kubernetes cluster.',
  'join tokens': 'What a node joins a cluster with.',
  nodes: 'Machines with an agent.',
  policies: 'Selectors and responses in YAML; a version never changes.',
  assignments: 'Which version of a policy runs on which clusters.',
  events: 'What nodes have seen.',
  alerts: 'Findings of one group.',
  'live updates': 'What changes, as it does.',
  webhooks: 'Where alerts go.',
  members: 'People: what each may do, and in which clusters.',
  'API keys': 'Credentials of programs.',
  'audit log': 'Who did what: append-only, a chain of hashes.',
  platform: 'Above tenants: with a platform key only.',
  'identity providers': 'Where people log in.',
  sessions: 'People who have logged in, and how they do.',
  service: 'The process itself, and what it serves to anyone.',
};

/** Before any route is registered: it watches them. */
export async function registerOpenApi(api: Api, publicUrl: string): Promise<void> {
  await api.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Bulkhead',
        version: API_VERSION,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          [API_KEY]: { type: 'http', scheme: 'bearer', description: KEYS },
          [SESSION]: {
            type: 'apiKey',
            in: 'cookie',
            name: cookiesOf(publicUrl).session,
            description: 'Of who has logged in; what changes something sends x-bulkhead-csrf too.',
          },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const method = [route.method].flat()[0] ?? 'GET';
      const access = accessOf(method, url);
      return {
        url,
        schema: {
          ...schema,
          security: securityOf(access),
          ...(access !== 'anyone' && { 'x-permission': access }),
          response: {
            ...responsesOf(schema),
            ...refusals(method, url, access === 'anyone', takesIfMatch(schema)),
          },
        },
      };
    },
    transformObject: (document) =>
      'openapiObject' in document ? finished(document.openapiObject) : document.swaggerObject,
  });
  await api.register(fastifySwaggerUi, {
    routePrefix: DOCS_PREFIX,
    // The page asks for nothing elsewhere and may be framed nowhere.
    staticCSP: {
      'default-src': ["'self'"],
      'script-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'frame-ancestors': ["'none'"],
      'base-uri': ["'none'"],
    },
    uiConfig: { deepLinking: true, persistAuthorization: false, tryItOutEnabled: true },
  });
}

/** The document, for programs. */
export function openApiRoutes(api: Api): void {
  let served: { readonly body: Buffer; readonly etag: string } | undefined;
  api.get('/openapi.json', { schema: { hide: true } }, async (request, reply) => {
    served ??= withTag(JSON.stringify(api.swagger()));
    reply.header('etag', served.etag).header('cache-control', CACHE_CONTROL);
    if (isFresh(request.headers['if-none-match'], served.etag)) return reply.code(304).send();
    return reply.type('application/json').send(served.body);
  });
}

function withTag(text: string): { body: Buffer; etag: string } {
  const body = Buffer.from(text);
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

const DESCRIPTION = `Runtime protection for containers across many Kubernetes clusters.

Requests are closed: a key that a schema does not name is refused. Lists answer a page of \`items\`,
and \`nextCursor\` where there is more. Every answer carries \`x-request-id\`, which the server's log
has too. Errors are \`application/problem+json\` (RFC 9457) with a \`code\` from a closed list.`;

type Schema = Record<string, unknown>;

function securityOf(access: Access | undefined): Record<string, string[]>[] {
  if (access === 'anyone') return [];
  if (access === 'session') return [{ [SESSION]: [] }];
  const ofPlatform = access !== undefined && PERMISSION_SCOPES[access] === 'platform';
  return [{ [API_KEY]: [] }, ...(ofPlatform ? [] : [{ [SESSION]: [] }])];
}

function responsesOf(schema: { readonly response?: unknown } | undefined): Schema {
  const { response } = schema ?? {};
  return typeof response === 'object' && response !== null ? { ...response } : {};
}

function takesIfMatch(schema: { readonly headers?: unknown } | undefined): boolean {
  return JSON.stringify(schema?.headers ?? {}).includes('"If-Match"');
}

/** What every route of its kind may answer instead. */
function refusals(method: string, url: string, forAnyone: boolean, ifMatch: boolean): Schema {
  const codes = forAnyone ? [400, 503] : [400, 401, 403, 429, 500, 503];
  if (url.includes(':')) codes.push(404);
  if (method === 'POST' && !forAnyone) codes.push(404, 409, 413, 422);
  if (method === 'PATCH' || method === 'DELETE' || method === 'PUT') codes.push(409, 413, 422);
  if (ifMatch) codes.push(412);
  return Object.fromEntries(
    [...new Set(codes)].map((status) => [
      status,
      {
        description: PROBLEM_TITLES[status],
        content: { [PROBLEM_CONTENT_TYPE]: { schema: PROBLEM } },
      },
    ]),
  );
}

const PROBLEM_TITLES: Readonly<Record<number, string>> = {
  400: 'The request does not have its form.',
  401: 'No key, or one that is unknown, expired or revoked.',
  403: 'The caller may not do this.',
  404: 'There is no such thing for this caller.',
  409: 'It exists already, or was changed in between.',
  412: 'It is not the version that If-Match names.',
  413: 'The request is larger than it may be.',
  422: 'The policy has errors, or an Idempotency-Key was used for another request.',
  429: 'A limit is reached: see Retry-After.',
  500: 'A defect of the server.',
  503: 'The server cannot do it now: see Retry-After.',
};

const PROBLEM = {
  title: 'Problem',
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'nextStep', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES) },
    detail: { type: 'string' },
    nextStep: { type: 'string' },
    requestId: { type: 'string', format: 'uuid' },
    problems: {
      ...POLICY_PROBLEMS,
      description: 'POLICY_INVALID: every problem of the document.',
    },
  },
};

/** What the generator says of an answer whose schema says nothing. */
const UNDESCRIBED = 'Default Response';

/** Titled schemas become components; text that holds a number is shown as the number. */
function finished<Document extends object>(document: Document): Document {
  const named = new Map<string, string>();
  const schemas: Schema = {};
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const result: Schema = Object.fromEntries(entries.map(([key, item]) => [key, walk(item)]));
    const { title, type } = result;
    if (result.description === UNDESCRIBED) result.description = 'What was asked for.';
    if ('x-integer' in result) {
      const { 'x-integer': range, pattern: _pattern, type: _type, ...more } = result;
      return { ...more, type: 'integer', ...(range as object) };
    }
    if (typeof title !== 'string' || typeof type !== 'string') return result;
    const { title: _title, ...schema } = result;
    const text = JSON.stringify(schema);
    if ((named.get(title) ?? text) !== text) throw new Error(`two schemas are named ${title}`);
    named.set(title, text);
    schemas[title] = schema;
    return { $ref: `#/components/schemas/${title}` };
  };
  const { components, ...more } = walk(document) as Schema;
  return { ...more, components: { ...(components as object), schemas } } as unknown as Document;
}
