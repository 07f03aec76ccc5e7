import { Type } from 'typebox';
import {
  ALERT_SEVERITIES,
  ALERT_SOURCES,
  ALERT_STATUSES,
  getAlert,
  listAlerts,
  type Alert as StoredAlert,
  setAlertStatus,
} from '../store/alerts.js';
import { audit } from './audit.js';
import { inTenant, readTenant } from './caller.js';
import {
  AnyObject,
  closed,
  filterFromQuery,
  Id,
  Instant,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Status = oneOf(ALERT_STATUSES);

const Alert = Type.Object(
  {
    id: Id,
    groupKey: Type.String({ description: 'Findings of one key make one open alert.' }),
    status: Status,
    title: Type.String(),
    severity: oneOf(ALERT_SEVERITIES),
    source: oneOf(ALERT_SOURCES),
    policyId: Type.Optional(Id),
    policyVersion: Type.Optional(Type.Integer()),
    policyResponse: Type.Optional(
      Type.Integer({ description: 'Its place in the policy, from 0.' }),
    ),
    ruleId: Type.Optional(Type.String()),
    clusterId: Id,
    nodeId: Id,
    firstEventId: Type.String(),
    lastEventId: Type.String(),
    firstSeenAt: Instant,
    lastSeenAt: Instant,
    eventCount: Type.Integer(),
    verdict: Type.String(),
    document: Type.Unsafe<Readonly<Record<string, unknown>>>({
      ...AnyObject,
      description: 'The last event in the Elastic Common Schema.',
    }),
    createdAt: Instant,
    changeId: Type.String({ description: 'Rises with every change of the alert.' }),
  },
  { title: 'Alert' },
);

const AlertQuery = closed({
  ...PageQuery,
  status: Type.Optional(Status),
  severity: Type.Optional(oneOf(ALERT_SEVERITIES)),
  clusterId: Type.Optional(Id),
  nodeId: Type.Optional(Id),
  policyId: Type.Optional(Id),
});

export function alertRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['alerts'];
  const params = closed({ alertId: Id });

  api.get(
    '/v1/alerts',
    {
      schema: {
        operationId: 'listAlerts',
        summary: 'Alerts, newest first',
        tags,
        querystring: AlertQuery,
        response: { 200: pageOf('AlertPage', Alert) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      const page = await readTenant(database, request, (tx) => listAlerts(tx, filter));
      return pageToJson(page, alertToJson);
    },
  );

  api.get(
    '/v1/alerts/:alertId',
    {
      schema: {
        operationId: 'getAlert',
        summary: 'One alert',
        tags,
        params,
        response: { 200: Alert },
      },
    },
    async (request) =>
      alertToJson(
        await readTenant(database, request, (tx) => getAlert(tx, request.params.alertId)),
      ),
  );

  api.patch(
    '/v1/alerts/:alertId',
    {
      schema: {
        operationId: 'updateAlert',
        summary: 'Acknowledges, closes or opens an alert',
        tags,
        params,
        body: closed({ status: Status }),
        response: { 200: Alert },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { alertId } = request.params;
        const { status } = request.body;
        const { status: from } = await getAlert(tx, alertId);
        const alert = alertToJson(await setAlertStatus(tx, alertId, status));
        await audit(tx, request, 'alert.set-status', alertId, {
          before: { status: from },
          after: { status },
          details: { from, to: status },
        });
        return alert;
      }),
  );
}

function alertToJson({ tenantId: _tenantId, document, ...alert }: StoredAlert) {
  // The document is JSON already.
  return { ...toJson(alert), document };
}
