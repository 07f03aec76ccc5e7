import { getTenant } from '../store/tenants.js';
import { callerOf, inTenant } from './authentication.js';
import type { Api, HttpDependencies } from './server.js';

export function tenantRoutes(api: Api, { database }: HttpDependencies): void {
  /** Who am I. */
  api.get('/v1/tenant', async (request) => {
    const { id, name, createdAt } = await inTenant(database, request, getTenant);
    const key = callerOf(request);
    return { id, name, createdAt, caller: { apiKeyId: key.id, name: key.name, role: key.role } };
  });
}
