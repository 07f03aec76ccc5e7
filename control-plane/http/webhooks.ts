import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import {
  DELIVERY_STATES,
  listDeliveries,
  type Delivery as StoredDelivery,
} from '../store/outbox.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listWebhookEndpoints,
  updateWebhookEndpoint,
} from '../store/webhooks.js';
import { audit } from './audit.js';
import { inTenant, readTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import {
  AnyObject,
  closed,
  Gone,
  Id,
  Instant,
  Name,
  oneOf,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  Revision,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const PROPERTIES = {
  id: Id,
  name: Type.String(),
  url: Type.String(),
  enabled: Type.Boolean(),
  createdAt: Instant,
  revision: Revision,
};
const Webhook = Type.Object(PROPERTIES, { title: 'Webhook' });
const IssuedWebhook = Type.Object(
  {
    ...PROPERTIES,
    secret: Type.String({
      description: 'In the form of Standard Webhooks; stands in this answer and nowhere else.',
    }),
  },
  { title: 'IssuedWebhook' },
);
const Delivery = Type.Object(
  {
    id: Id,
    endpointId: Id,
    alertId: Id,
    eventType: Type.String(),
    payload: AnyObject,
    state: oneOf(DELIVERY_STATES),
    attempts: Type.Integer({ description: 'Tries begun.' }),
    nextAttemptAt: Instant,
    lastError: Type.Optional(Type.String()),
    createdAt: Instant,
    deliveredAt: Type.Optional(Instant),
  },
  { title: 'Delivery' },
);
const Url = Type.String({ minLength: 8, maxLength: 2048 });
const NewWebhook = closed({ name: Name, url: Url });
const WebhookChange = closed({
  name: Type.Optional(Name),
  url: Type.Optional(Url),
  enabled: Type.Optional(
    Type.Boolean({ description: 'Where it is not, what was to be sent waits.' }),
  ),
});

export function webhookRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, vault } = dependencies;
  const tags = ['webhooks'];
  const params = closed({ webhookId: Id });

  api.get(
    '/v1/webhooks',
    {
      schema: {
        operationId: 'listWebhooks',
        summary: 'Webhooks, by name, without secrets',
        tags,
        querystring: closed(PageQuery),
        response: { 200: pageOf('WebhookPage', Webhook) },
      },
    },
    async (request) => {
      const page = pageFromQuery(request.query);
      return pageToJson(
        await readTenant(database, request, (tx) => listWebhookEndpoints(tx, page)),
        toJson,
      );
    },
  );

  api.post(
    '/v1/webhooks',
    {
      schema: {
        operationId: 'createWebhook',
        summary: 'Makes a webhook; its secret stands in this answer only',
        tags,
        headers: IdempotencyHeaders,
        body: NewWebhook,
        response: { 201: IssuedWebhook },
      },
    },
    (request, reply) => {
      const { name, url } = request.body;
      checkUrl(url);
      return makeOnce(dependencies, request, reply, async (tx) => {
        const secret = `whsec_${randomBytes(32).toString('base64')}`;
        const secretEncrypted = vault.seal('webhook', Buffer.from(secret));
        const webhook = toJson(await createWebhookEndpoint(tx, { name, url, secretEncrypted }));
        const details = { name };
        await audit(tx, request, 'webhook.create', webhook.id, { after: webhook, details });
        return { ...webhook, secret };
      });
    },
  );

  api.get(
    '/v1/webhooks/:webhookId',
    {
      schema: {
        operationId: 'getWebhook',
        summary: 'One webhook, without its secret',
        tags,
        params,
        response: { 200: Webhook },
      },
    },
    async (request, reply) => {
      const { webhookId } = request.params;
      const webhook = await readTenant(database, request, (tx) =>
        getWebhookEndpoint(tx, webhookId),
      );
      setEtag(reply, webhook);
      return toJson(webhook);
    },
  );

  api.patch(
    '/v1/webhooks/:webhookId',
    {
      schema: {
        operationId: 'updateWebhook',
        summary: 'Changes a webhook; its secret stays',
        tags,
        params,
        headers: IfMatchHeaders,
        body: WebhookChange,
        response: { 200: Webhook },
      },
    },
    async (request, reply) => {
      const { webhookId } = request.params;
      if (request.body.url !== undefined) checkUrl(request.body.url);
      const webhook = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await updateWebhookEndpoint(tx, webhookId, request.body, (current) => {
          checkIfMatch(request, current);
          before = toJson(current);
        });
        const details = { name: after.name };
        const what = { before, after: toJson(after), details };
        await audit(tx, request, 'webhook.update', webhookId, what);
        return after;
      });
      setEtag(reply, webhook);
      return toJson(webhook);
    },
  );

  api.delete(
    '/v1/webhooks/:webhookId',
    {
      schema: {
        operationId: 'deleteWebhook',
        summary: 'Removes a webhook and what was to be sent to it',
        tags,
        params,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { webhookId } = request.params;
      await inTenant(database, request, async (tx) => {
        const before = toJson(await getWebhookEndpoint(tx, webhookId));
        await deleteWebhookEndpoint(tx, webhookId);
        const details = { name: before.name };
        await audit(tx, request, 'webhook.delete', webhookId, { before, details });
      });
      return reply.code(204).send(undefined);
    },
  );

  api.get(
    '/v1/webhooks/:webhookId/deliveries',
    {
      schema: {
        operationId: 'listDeliveries',
        summary: 'What was sent, or will be, newest first',
        tags,
        params,
        querystring: closed(PageQuery),
        response: { 200: pageOf('DeliveryPage', Delivery) },
      },
    },
    async (request) => {
      const page = await inTenant(database, request, async (tx) => {
        const { id } = await getWebhookEndpoint(tx, request.params.webhookId);
        return listDeliveries(tx, id, pageFromQuery(request.query));
      });
      return pageToJson(page, deliveryToJson);
    },
  );
}

function deliveryToJson({ payload, ...delivery }: StoredDelivery) {
  // The payload is JSON already.
  return { ...toJson(delivery), payload: { ...payload } };
}

/** Where it may lead is checked at each delivery, against what the name resolves to then. */
function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'url: an http or https address');
  }
  if (url.username || url.password) {
    throw new BulkheadError('INVALID_ARGUMENT', 'url: no user and password in it');
  }
}
