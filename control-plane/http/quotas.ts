import { Type } from 'typebox';
import { QUOTA_NAMES, type Quota } from '../domain/quotas.js';
import { getQuotas, readQuotaUsage } from '../store/quotas.js';
import { callerOf, inTenant } from './caller.js';
import type { LiveHub } from './live-hub.js';
import { oneOf } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const QuotaUse = Type.Object(
  {
    quota: oneOf(QUOTA_NAMES),
    limit: Type.Integer(),
    used: Type.Optional(
      Type.Integer({
        description:
          'Absent of policyVersions, which are counted for each policy. Of liveStreams: at the server that answers.',
      }),
    ),
  },
  { title: 'QuotaUse' },
);
const QuotaUses = Type.Object({ items: Type.Array(QuotaUse) }, { title: 'QuotaUses' });

export function quotaRoutes(api: Api, { database }: HttpDependencies, hub: LiveHub): void {
  api.get(
    '/v1/tenant/quotas',
    {
      schema: {
        operationId: 'listQuotas',
        summary: 'How many of each thing the tenant may have, and has',
        tags: ['tenant'],
        response: { 200: QuotaUses },
      },
    },
    async (request) => {
      const { maximums, used } = await inTenant(database, request, async (tx) => ({
        maximums: (await getQuotas(tx)).maximums,
        used: await readQuotaUsage(tx),
      }));
      const all: Partial<Record<Quota, number>> = {
        ...used,
        liveStreams: hub.countOf(callerOf(request).tenantId),
      };
      const items = QUOTA_NAMES.map((quota) => {
        const count = all[quota];
        return { quota, limit: maximums[quota], ...(count !== undefined && { used: count }) };
      });
      return { items };
    },
  );
}
