import { Type } from 'typebox';
import { QUOTA_NAMES, QUOTAS, type Quota } from '../domain/quotas.js';
import { getTenantQuotas, type Quotas, updateTenantQuotas } from '../store/quotas.js';
import { audit } from './audit.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { closed, Id } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const QUOTA_MAX = 10_000_000;

const ofEach = <T>(make: (quota: Quota) => T) =>
  Object.fromEntries(QUOTA_NAMES.map((quota) => [quota, make(quota)])) as Record<Quota, T>;
const TenantQuotas = Type.Object(
  {
    limits: Type.Object(ofEach(() => Type.Integer())),
    revision: Type.Integer({ description: 'Rises with every edit; 0: nothing was ever set.' }),
  },
  { title: 'TenantQuotas' },
);
const QuotaChange = closed({
  limits: closed(
    ofEach((quota) =>
      Type.Optional(
        Type.Unsafe<number | null>({
          type: ['integer', 'null'],
          minimum: 0,
          maximum: QUOTA_MAX,
          description: `null: the standard one, ${QUOTAS[quota]}.`,
        }),
      ),
    ),
  ),
});

export function platformQuotaRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['platform'];
  const params = closed({ tenantId: Id });

  api.get(
    '/v1/platform/tenants/:tenantId/quotas',
    {
      schema: {
        operationId: 'getTenantQuotas',
        summary: 'How many of each thing a tenant may have',
        tags,
        params,
        response: { 200: TenantQuotas },
      },
    },
    async (request, reply) => {
      const { tenantId } = request.params;
      const quotas = await database.withPlatform((tx) => getTenantQuotas(tx, tenantId));
      setEtag(reply, quotas);
      return quotasToJson(quotas);
    },
  );

  api.patch(
    '/v1/platform/tenants/:tenantId/quotas',
    {
      schema: {
        operationId: 'updateTenantQuotas',
        summary: 'Changes how many of each thing a tenant may have: what is left out stays',
        tags,
        params,
        headers: IfMatchHeaders,
        body: QuotaChange,
        response: { 200: TenantQuotas },
      },
    },
    async (request, reply) => {
      const { tenantId } = request.params;
      const { limits } = request.body;
      const quotas = await database.withPlatform(async (platform) => {
        let before: unknown;
        const after = await updateTenantQuotas(platform, tenantId, limits, (current) => {
          checkIfMatch(request, current);
          before = quotasToJson(current);
        });
        await platform.asTenant(tenantId, (tx) =>
          audit(tx, request, 'tenant.set-quotas', tenantId, {
            before,
            after: quotasToJson(after),
            details: limits,
          }),
        );
        return after;
      });
      setEtag(reply, quotas);
      return quotasToJson(quotas);
    },
  );
}

function quotasToJson({ maximums, revision }: Quotas) {
  return { limits: { ...maximums }, revision };
}
