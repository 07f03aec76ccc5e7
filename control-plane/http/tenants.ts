import { Type } from 'typebox';
import { selectorToText } from '../domain/label-selector.js';
import { ROLES } from '../store/api-keys.js';
import { getTenant } from '../store/tenants.js';
import { CALLER_KINDS, callerOf, readTenant } from './caller.js';
import { Id, Instant, oneOf, SelectorText, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Tenant = Type.Object(
  {
    id: Id,
    name: Type.String(),
    createdAt: Instant,
    caller: Type.Object(
      {
        kind: oneOf(CALLER_KINDS),
        id: Type.String({ description: 'Of the API key or of the member.' }),
        name: Type.String(),
        role: oneOf(ROLES),
        clusters: Type.Optional(SelectorText),
      },
      { title: 'Caller' },
    ),
  },
  { title: 'Tenant' },
);

export function tenantRoutes(api: Api, { database }: HttpDependencies): void {
  api.get(
    '/v1/tenant',
    {
      schema: {
        operationId: 'getTenant',
        summary: 'Who am I: the tenant, and who asks',
        tags: ['tenant'],
        response: { 200: Tenant },
      },
    },
    async (request) => {
      const { id, name, createdAt } = await readTenant(database, request, getTenant);
      const { kind, id: callerId, name: callerName, role, clusters } = callerOf(request);
      const limit = clusters && { clusters: selectorToText(clusters) };
      const caller = { kind, id: callerId, name: callerName, role, ...limit };
      return toJson({ id, name, createdAt, caller });
    },
  );
}
