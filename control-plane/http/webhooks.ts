import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { listDeliveries } from '../store/outbox.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listWebhookEndpoints,
} from '../store/webhooks.js';
import { inTenant } from './authentication.js';
import { closed, Id, Name, PageQuery, pageFromQuery } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const NewWebhook = closed({ name: Name, url: Type.String({ minLength: 8, maxLength: 2048 }) });

export function webhookRoutes(api: Api, { database, vault }: HttpDependencies): void {
  const params = closed({ webhookId: Id });

  api.get('/v1/webhooks', { schema: { querystring: closed(PageQuery) } }, (request) =>
    inTenant(database, request, (tx) => listWebhookEndpoints(tx, pageFromQuery(request.query))),
  );

  /** The secret, in the form of Standard Webhooks, stands in this answer and nowhere else. */
  api.post('/v1/webhooks', { schema: { body: NewWebhook } }, async (request, reply) => {
    const { name, url } = request.body;
    checkUrl(url);
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const secretEncrypted = vault.seal('webhook', Buffer.from(secret));
    const webhook = await inTenant(database, request, (tx) =>
      createWebhookEndpoint(tx, { name, url, secretEncrypted }),
    );
    return reply.code(201).send({ ...webhook, secret });
  });

  api.delete('/v1/webhooks/:webhookId', { schema: { params } }, async (request, reply) => {
    await inTenant(database, request, (tx) => deleteWebhookEndpoint(tx, request.params.webhookId));
    return reply.code(204).send();
  });

  api.get(
    '/v1/webhooks/:webhookId/deliveries',
    { schema: { params, querystring: closed(PageQuery) } },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { id } = await getWebhookEndpoint(tx, request.params.webhookId);
        return listDeliveries(tx, id, pageFromQuery(request.query));
      }),
  );
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
