import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type LimitName, type Rates, siteOf, tooMany } from '../domain/rates.js';
import { perMinute, TokenBuckets, type Verdict } from '../domain/token-buckets.js';
import type { LimitMetrics } from '../metrics/limits.js';

/** What a request counts for; any other for 1. */
export const ROUTE_COSTS: Readonly<Record<string, number>> = {
  // The compiler runs.
  'POST /v1/policies': 5,
  'POST /v1/policies/validate': 5,
  'POST /v1/policies/:policyId/versions': 5,
  'PUT /v1/policies/:policyId/draft': 5,
  'POST /v1/policies/:policyId/draft/publish': 5,
  'GET /v1/policies/:policyId/diff': 20,
  // Every cluster is decided anew.
  'POST /v1/assignments': 5,
  'PATCH /v1/assignments/:assignmentId': 5,
  'DELETE /v1/assignments/:assignmentId': 5,
  // The whole chain is read.
  'GET /v1/audit-log/export': 50,
  'GET /v1/audit-log/verification': 50,
};

/** Routes of a login, for anyone: what they ask of the database and of identity providers costs nobody a key. */
const LOGIN_ROUTES: ReadonlySet<string> = new Set([
  '/auth/login',
  '/auth/callback/:providerId',
  '/auth/link',
]);

interface Limit {
  readonly name: LimitName;
  readonly buckets: TokenBuckets;
}

/** What this replica lets a caller, a tenant and whoever is not known have of the API. */
export class RateLimits {
  readonly #caller: Limit;
  readonly #tenant: Limit;
  readonly #failures: Limit;
  readonly #logins: Limit;

  constructor(
    rates: Pick<Rates, 'caller' | 'tenant' | 'failures' | 'logins'>,
    private readonly metrics: LimitMetrics | undefined,
  ) {
    const limit = (name: LimitName, count: number) => ({
      name,
      buckets: new TokenBuckets(perMinute(count)),
    });
    this.#caller = limit('caller', rates.caller);
    this.#tenant = limit('tenant', rates.tenant);
    this.#failures = limit('failed-authentication', rates.failures);
    this.#logins = limit('login-address', rates.logins);
  }

  /**
   * Before anything is looked up: who has failed so often from this address is not heard, and nobody
   * logs in from it without an end.
   * @throws BulkheadError RESOURCE_EXHAUSTED
   */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    // By the route, not as the request spells it. Health is asked for by those who must get an answer,
    // and files that anyone may have cost nothing.
    const { url = '' } = request.routeOptions;
    if (!url.startsWith('/v1/') && !url.startsWith('/auth/')) return;
    const site = siteOf(request.ip);
    const verdict = this.#failures.buckets.look(site);
    if (!verdict.allowed) throw this.#refuse(reply, this.#failures, verdict);
    if (!LOGIN_ROUTES.has(url)) return;
    const login = this.#logins.buckets.take(site);
    if (!login.allowed) throw this.#refuse(reply, this.#logins, login);
  }

  /** Somebody said wrongly who they are, or did not say it. */
  countFailure(request: FastifyRequest): void {
    this.#failures.buckets.owe(siteOf(request.ip), 1);
  }

  /** Once it is known who calls. @throws BulkheadError RESOURCE_EXHAUSTED */
  spend(request: FastifyRequest, reply: FastifyReply): void {
    const { caller, method, routeOptions } = request;
    if (!caller) return;
    const cost = ROUTE_COSTS[`${method} ${routeOptions.url}`] ?? 1;
    const ofCaller = this.#caller.buckets.take(`${caller.kind}:${caller.id}`, cost);
    if (!ofCaller.allowed) throw this.#refuse(reply, this.#caller, ofCaller);
    if (caller.kind === 'platform') {
      tell(reply, [this.#caller, ofCaller]);
      return;
    }
    const ofTenant = this.#tenant.buckets.take(caller.tenantId, cost);
    if (!ofTenant.allowed) throw this.#refuse(reply, this.#tenant, ofTenant);
    tell(reply, [this.#caller, ofCaller], [this.#tenant, ofTenant]);
  }

  #refuse(reply: FastifyReply, limit: Limit, verdict: Verdict): BulkheadError {
    this.metrics?.limited.inc({ limit: limit.name });
    tell(reply, [limit, verdict]);
    const { burst } = limit.buckets.rate;
    return tooMany(`${limit.name}: at most ${burst} a minute`, verdict.waitMs);
  }
}

/** draft-ietf-httpapi-ratelimit-headers-10: q in w seconds; r are left, and all of them again in t. */
function tell(reply: FastifyReply, ...limits: readonly (readonly [Limit, Verdict])[]): void {
  const policies = limits.map(([{ name, buckets }]) => `"${name}";q=${buckets.rate.burst};w=60`);
  const states = limits.map(
    ([{ name }, { remaining, fullInMs }]) =>
      `"${name}";r=${remaining};t=${Math.ceil(fullInMs / 1000)}`,
  );
  reply.header('ratelimit-policy', policies.join(', ')).header('ratelimit', states.join(', '));
}
