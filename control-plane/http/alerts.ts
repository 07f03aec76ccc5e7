import { Type } from 'typebox';
import { type Alert, getAlert, listAlerts, setAlertStatus } from '../store/alerts.js';
import { inTenant } from './authentication.js';
import { closed, Id, PageQuery, pageFromQuery, pageToJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Status = Type.Union([
  Type.Literal('open'),
  Type.Literal('acknowledged'),
  Type.Literal('closed'),
]);
const AlertQuery = closed({
  ...PageQuery,
  status: Type.Optional(Status),
  clusterId: Type.Optional(Id),
});

export function alertRoutes(api: Api, { database }: HttpDependencies): void {
  const params = closed({ alertId: Id });

  /** Newest first. */
  api.get('/v1/alerts', { schema: { querystring: AlertQuery } }, async (request) => {
    const { status, clusterId } = request.query;
    const filter = { ...pageFromQuery(request.query), status, clusterId };
    return pageToJson(
      await inTenant(database, request, (tx) => listAlerts(tx, filter)),
      alertToJson,
    );
  });

  api.get('/v1/alerts/:alertId', { schema: { params } }, async (request) =>
    alertToJson(await inTenant(database, request, (tx) => getAlert(tx, request.params.alertId))),
  );

  api.patch(
    '/v1/alerts/:alertId',
    { schema: { params, body: closed({ status: Status }) } },
    async (request) =>
      alertToJson(
        await inTenant(database, request, (tx) =>
          setAlertStatus(tx, request.params.alertId, request.body.status),
        ),
      ),
  );
}

function alertToJson({ tenantId: _tenantId, groupKey, changeId, ...alert }: Alert) {
  return {
    ...alert,
    groupKey: Buffer.from(groupKey).toString('hex'),
    changeId: String(changeId),
  };
}
