import { Type } from 'typebox';
import { ROLES } from '../store/api-keys.js';
import { getTenant } from '../store/tenants.js';
import { callerOf, inTenant } from './authentication.js';
import { Id, Instant, oneOf, TokenId, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Tenant = Type.Object(
  {
    id: Id,
    name: Type.String(),
    createdAt: Instant,
    caller: Type.Object({ apiKeyId: TokenId, name: Type.String(), role: oneOf(ROLES) }),
  },
  { title: 'Tenant' },
);

export function tenantRoutes(api: Api, { database }: HttpDependencies): void {
  api.get(
    '/v1/tenant',
    {
      schema: {
        operationId: 'getTenant',
        summary: 'Who am I: the tenant, and the key that asks',
        tags: ['tenant'],
        response: { 200: Tenant },
      },
    },
    async (request) => {
      const { id, name, createdAt } = await inTenant(database, request, getTenant);
      const key = callerOf(request);
      const caller = { apiKeyId: key.id, name: key.name, role: key.role };
      return toJson({ id, name, createdAt, caller });
    },
  );
}
