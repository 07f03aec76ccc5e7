import { randomUUID } from 'node:crypto';
import fastifyCookie from '@fastify/cookie';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { textOfDocument } from '../domain/policies.js';
import type { Rates } from '../domain/rates.js';
import type { Vault } from '../domain/vault.js';
import type { OidcClient } from '../identity/oidc.js';
import type { HttpMetrics } from '../metrics/http.js';
import type { LimitMetrics } from '../metrics/limits.js';
import { accessOf, DOCS_PREFIX } from './access.js';
import { alertRoutes } from './alerts.js';
import { apiKeyRoutes } from './api-keys.js';
import { assignmentRoutes } from './assignments.js';
import { auditLogRoutes } from './audit-log.js';
import { authorise } from './authentication.js';
import { clusterPolicyRoutes } from './cluster-policies.js';
import { clusterRoutes } from './clusters.js';
import { eventRoutes } from './events.js';
import { type HealthDependencies, healthRoutes } from './health.js';
import { identityProviderRoutes } from './identity-providers.js';
import { joinTokenRoutes } from './join-tokens.js';
import { kubernetesJoinRoutes } from './kubernetes-join.js';
import { buildLazySerializer, buildLazyValidator } from './lazy-schemas.js';
import { liveRoutes } from './live.js';
import type { LiveSettings } from './live-hub.js';
import { loginLinkRoutes } from './login-links.js';
import { memberLoginLinkRoutes } from './member-login-links.js';
import { memberRoutes } from './members.js';
import { nodeRoutes } from './nodes.js';
import { oidcLoginRoutes } from './oidc-login.js';
import { openApiRoutes, registerOpenApi } from './openapi.js';
import { platformQuotaRoutes } from './platform-quotas.js';
import { platformTenantRoutes } from './platform-tenants.js';
import { policyRoutes } from './policies.js';
import { policySchemaRoutes } from './policy-schema.js';
import { answerMalformed, requestFields, sendProblem } from './problem.js';
import { quotaRoutes } from './quotas.js';
import { RateLimits } from './rate-limits.js';
import { measureRequests } from './request-metrics.js';
import { traceRequests } from './request-traces.js';
import { closed } from './schemas.js';
import { sessionRoutes } from './sessions.js';
import { settingRoutes } from './settings.js';
import { tenantRoutes } from './tenants.js';
import { webhookRoutes } from './webhooks.js';

export interface HttpDependencies extends HealthDependencies {
  readonly vault: Vault;
  /** Printed with every join token; another when the authority is changed. */
  readonly caPin: () => string;
  /** The origin by which browsers reach this API. */
  readonly publicUrl: string;
  readonly oidc: OidcClient;
  readonly log: Logger;
  readonly metrics?: HttpMetrics;
  readonly rates: Rates;
  readonly limits?: LimitMetrics;
  /** Where the compiled policy-diff-worker.ts is, if not beside this file. */
  readonly policyDiffWorker?: URL;
  /** How long one may take; default 5 s. */
  readonly policyDiffLimitMs?: number;
  /** Addresses and networks of the proxies whose X-Forwarded-For is believed; none where it is left out. */
  readonly trustedProxies?: readonly string[];
  /** 0 or absent: no limit. */
  readonly apiKeyMaxDays?: number;
  /** What is left out is as LIVE_SETTINGS says. */
  readonly live?: Partial<LiveSettings>;
}

/** Fastify with types out of the routes' schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** A policy document as JSON text can be six times as long as the document. */
const BODY_LIMIT_BYTES = 8 * LIMITS.policyDocumentBytes;
/** A request that is not whole by then is cut off. */
const REQUEST_LIMIT_MS = 30_000;

/** The API of one replica, not yet listening. */
export async function createHttpServer(dependencies: HttpDependencies): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = dependencies.log;
  const api: Api = fastify({
    loggerInstance: logger,
    trustProxy: [...(dependencies.trustedProxies ?? [])],
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    exposeHeadRoutes: false,
    // One line a request: logAnswer's, or problem.ts's.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 200 },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        keywords: ['x-integer'],
      },
    },
    schemaController: {
      compilersFactory: {
        buildValidator: buildLazyValidator,
        buildSerializer: buildLazySerializer,
      },
    },
    // Ours stand in problem.ts.
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: answerMalformed,
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Default deny: a route that the access table does not know cannot be registered.
  api.addHook('onRoute', (route) => {
    for (const each of [route.method].flat()) {
      if (accessOf(each, route.url) === undefined) {
        throw new Error(`${each} ${route.url} is not in the access table`);
      }
    }
    // Closed where it takes no query at all, too.
    if (route.url.startsWith('/v1/')) route.schema = { querystring: closed({}), ...route.schema };
  });
  traceRequests(api);
  const limits = new RateLimits(dependencies.rates, dependencies.limits);
  api.decorateRequest('caller', undefined);
  await api.register(fastifyCookie);
  api.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    limits.admit(request, reply);
    await authorise(dependencies, request).finally(() => limits.spend(request, reply));
  });
  api.addHook('onError', async (request, _reply, error) => {
    if ('code' in error && error.code === 'UNAUTHENTICATED') limits.countFailure(request);
  });
  api.addHook('onResponse', async (request, reply) => logAnswer(request, reply));
  if (dependencies.metrics) measureRequests(api, dependencies.metrics);
  api.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  api.setNotFoundHandler((request, reply) =>
    sendProblem(new BulkheadError('NOT_FOUND', 'there is no such route'), request, reply),
  );
  api.addContentTypeParser(
    ['application/yaml', 'application/x-yaml', 'text/yaml'],
    { parseAs: 'buffer', bodyLimit: LIMITS.policyDocumentBytes },
    async (_request: FastifyRequest, body: Buffer) => ({ source: textOfDocument(body) }),
  );

  await registerOpenApi(api, dependencies.publicUrl);
  api.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(`${DOCS_PREFIX}/`));
  const routes = [
    healthRoutes,
    openApiRoutes,
    policySchemaRoutes,
    tenantRoutes,
    clusterRoutes,
    clusterPolicyRoutes,
    joinTokenRoutes,
    kubernetesJoinRoutes,
    nodeRoutes,
    policyRoutes,
    assignmentRoutes,
    eventRoutes,
    alertRoutes,
    webhookRoutes,
    memberRoutes,
    memberLoginLinkRoutes,
    apiKeyRoutes,
    platformTenantRoutes,
    platformQuotaRoutes,
    auditLogRoutes,
    settingRoutes,
    sessionRoutes,
    loginLinkRoutes,
    oidcLoginRoutes,
    identityProviderRoutes,
  ];
  for (const register of routes) register(api, dependencies);
  quotaRoutes(api, dependencies, await liveRoutes(api, dependencies));
  await api.ready();
  return api;
}

/** Refusals are logged where they are translated. */
function logAnswer(request: FastifyRequest, reply: FastifyReply): void {
  if (reply.statusCode >= 400) return;
  const fields = { ...requestFields(request), status: reply.statusCode, ms: reply.elapsedTime };
  // Probes come every few seconds.
  if (request.caller) request.log.info(fields, 'call answered');
  else request.log.debug(fields, 'call answered');
}
