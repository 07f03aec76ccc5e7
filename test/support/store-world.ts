import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { compilePolicy } from '../../control-plane/domain/policies.js';
import { type AlertSighting, recordAlert } from '../../control-plane/store/alerts.js';
import { createApiKey } from '../../control-plane/store/api-keys.js';
import { createAssignment, type NewAssignment } from '../../control-plane/store/assignments.js';
import { type AuditEntry, appendAudit } from '../../control-plane/store/audit-log.js';
import { insertBundle } from '../../control-plane/store/bundles.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import { insertBatches, type NewBatch } from '../../control-plane/store/event-batches.js';
import { insertEvents, type NewEvent } from '../../control-plane/store/events.js';
import {
  createIdentityProvider,
  type NewIdentityProvider,
} from '../../control-plane/store/identity-providers.js';
import {
  type JoinRedemption,
  redeemJoinToken,
} from '../../control-plane/store/join-redemptions.js';
import { createJoinToken } from '../../control-plane/store/join-tokens.js';
import {
  type NewKubernetesJoin,
  putKubernetesJoin,
} from '../../control-plane/store/kubernetes-joins.js';
import { createLoginAttempt } from '../../control-plane/store/login-attempts.js';
import { createLoginLink } from '../../control-plane/store/login-links.js';
import { linkIdentity } from '../../control-plane/store/member-identities.js';
import { createMember } from '../../control-plane/store/members.js';
import { recordCertificate } from '../../control-plane/store/nodes.js';
import { enqueueDelivery } from '../../control-plane/store/outbox.js';
import { createPolicy, type NewPolicyVersion } from '../../control-plane/store/policies.js';
import { putPolicyDraft } from '../../control-plane/store/policy-drafts.js';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { createSession } from '../../control-plane/store/sessions.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import type { TestDatabase } from './database.js';

/** The ids of a tenant's one of everything. */
export interface World extends ClusterWorld {
  readonly tenantId: string;
  readonly memberId: string;
  readonly apiKeyId: string;
  readonly policyId: string;
  readonly assignmentId: string;
  readonly webhookId: string;
  readonly deliveryId: string;
  readonly sessionId: string;
  readonly loginLinkId: string;
  readonly identityProviderId: string;
  readonly loginAttemptId: string;
  /** At ISSUER. */
  readonly subject: string;
}

/** A cluster, and one of everything that belongs to it. */
export interface ClusterWorld {
  readonly clusterId: string;
  readonly joinTokenId: string;
  readonly nodeId: string;
  readonly alertId: string;
  readonly groupKey: Buffer;
  readonly eventId: string;
}

/** The labels of a world's cluster. */
export const PROD = { env: 'prod' } as const;
/** Of each tenant that createWorld makes; the standard is another. */
export const MAXIMUM_NODES = 12_345;

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
export const tokenId = (): string => randomBytes(8).toString('hex');

export const NODE_FACTS = {
  name: 'node-1',
  kernelRelease: '6.1.0',
  architecture: 'x86_64',
  agentVersion: '0.1.0',
  hooks: [{ hook: 'exec', backend: 'signal', reason: '' }],
} as const;

export function redemptionOf(
  id: string,
  secret: string,
  more: Partial<JoinRedemption> = {},
): JoinRedemption {
  return {
    ...NODE_FACTS,
    tokenId: id,
    secretSha256: sha256(secret),
    enrollmentId: randomUUID(),
    publicKeySha256: sha256('public key'),
    ...more,
  };
}

/** A policy whose selector has that name. */
export function policyVersionOf(name: string): NewPolicyVersion {
  const source = `process:
  selectors: [{name: ${name}, operation: [exec]}]
  responses: [{match: [${name}], actions: [log]}]
`;
  const { normalised, sha256 } = compilePolicy(source);
  return { source, normalised, sha256, createdBy: 'test' };
}

export function draftOf(policyId: string) {
  return { policyId, source: policyVersionOf('drafted').source, updatedBy: 'test' };
}

/** Its version 1, enforced on every cluster. */
export function assignmentOf(policyId: string, more: Partial<NewAssignment> = {}): NewAssignment {
  return {
    name: 'assignment',
    policyId,
    version: 1,
    clusters: '',
    mode: 'enforce',
    priority: 0,
    createdBy: 'test',
    ...more,
  };
}

export function batchOf(nodeId: string, more: Partial<NewBatch> = {}): NewBatch {
  return {
    nodeId,
    bootId: '00000000-0000-4000-8000-000000000001',
    sequence: 1n,
    batchTime: new Date(),
    kind: 'telemetry',
    eventCount: 1,
    payload: Buffer.from('payload'),
    ...more,
  };
}

export function eventOf(clusterId: string, nodeId: string, more: Partial<NewEvent> = {}): NewEvent {
  return {
    id: randomUUID(),
    time: new Date(),
    clusterId,
    nodeId,
    kind: 'exec',
    verdict: 'allowed',
    containerId: 'c1',
    document: { event: { kind: 'event' } },
    ...more,
  };
}

export function sightingOf(
  clusterId: string,
  nodeId: string,
  more: Partial<AlertSighting> = {},
): AlertSighting {
  const now = new Date();
  return {
    groupKey: sha256('group'),
    title: 'drifted binary',
    severity: 'high',
    source: 'policy',
    policyId: randomUUID(),
    policyVersion: 1,
    policyResponse: 0,
    clusterId,
    nodeId,
    firstEventId: 'e1',
    lastEventId: 'e1',
    firstSeenAt: now,
    lastSeenAt: now,
    eventCount: 1,
    verdict: 'killed',
    document: { event: { kind: 'alert' } },
    ...more,
  };
}

/** A public key that is nobody's any more, in the form of `kubectl get --raw /openid/v1/jwks`. */
export const JWKS = {
  keys: [
    {
      use: 'sig',
      kty: 'EC',
      kid: 'nobody',
      alg: 'ES256',
      crv: 'P-256',
      x: 'fgJQePtGxHU6mqzbXDiYrJx-dE7llmt27PbR75BSXmg',
      y: '9e1n47ncsYoUDikQgGc7-NnIkMBtqsBr2FAae3pZxMA',
    },
  ],
} as const;

export function kubernetesJoinOf(clusterId: string): NewKubernetesJoin {
  return {
    clusterId,
    issuer: 'https://kubernetes.default.svc.cluster.local',
    audience: 'bulkhead',
    jwks: JWKS,
    namespace: 'bulkhead',
    serviceAccount: 'bulkhead-agent',
    labels: {},
    createdBy: 'test',
  };
}

export function auditEntryOf(targetId: string, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    actor: { kind: 'api-key', id: '00000000deadbeef', name: 'key' },
    action: 'cluster.create',
    target: { kind: 'cluster', id: targetId },
    after: { name: targetId },
    details: { name: 'cluster' },
    origin: { address: '192.0.2.1', userAgent: 'test', requestId: 'request' },
    ...more,
  };
}

export const ISSUER = 'https://login.example.org';

export function identityProviderOf(name: string): NewIdentityProvider {
  return {
    name,
    issuer: ISSUER,
    clientId: 'bulkhead',
    clientSecretEncrypted: Buffer.from('sealed'),
    scopes: ['openid'],
    claims: { email: 'email', emailVerified: 'email_verified', name: 'name', groups: 'groups' },
    groupRoles: [],
    createMembers: false,
    servesOwners: false,
  };
}

/** A cluster with a join token of so many uses, and the token's secret. */
export async function newCluster(
  database: TestDatabase,
  tenantId: string,
  maxUses = 1,
  labels: Readonly<Record<string, string>> = {},
): Promise<{ clusterId: string; joinTokenId: string; secret: string }> {
  const secret = randomUUID();
  return database.app.withTenant({ tenantId }, async (tx) => {
    const cluster = await createCluster(tx, { name: `cluster-${randomUUID()}`, labels });
    const token = await createJoinToken(tx, {
      id: tokenId(),
      clusterId: cluster.id,
      secretSha256: sha256(secret),
      createdBy: 'test',
      maxUses,
    });
    return { clusterId: cluster.id, joinTokenId: token.id, secret };
  });
}

/** One of everything of a cluster, in a tenant that there is. */
export async function createClusterWorld(
  database: TestDatabase,
  tenantId: string,
  labels: Readonly<Record<string, string>>,
): Promise<ClusterWorld> {
  const { app, worker } = database;
  const made = await newCluster(database, tenantId, 1, labels);
  const { clusterId, joinTokenId, secret } = made;
  const { nodeId } = await redeemJoinToken(app, redemptionOf(joinTokenId, secret));
  await app.withTenant({ tenantId }, async (tx) => {
    await putKubernetesJoin(tx, kubernetesJoinOf(clusterId));
    const notAfter = new Date(Date.now() + 24 * 60 * 60_000);
    await recordCertificate(tx, nodeId, { serialNumber: '01', notAfter });
    await insertBundle(tx, clusterId, async () => ({
      contentSha256: sha256('content'),
      envelopeGzip: Buffer.from('envelope'),
      signingKeyId: 'key',
    }));
  });
  await insertBatches(app, tenantId, [batchOf(nodeId)]);
  const event = eventOf(clusterId, nodeId);
  const groupKey = sha256(clusterId);
  const { alertId } = await worker.withTenant({ tenantId }, async (tx) => {
    await insertEvents(tx, [event]);
    return recordAlert(tx, sightingOf(clusterId, nodeId, { groupKey }));
  });
  return { clusterId, joinTokenId, nodeId, alertId, groupKey, eventId: event.id };
}

/** One of everything, in a tenant of its own. */
export async function createWorld(database: TestDatabase): Promise<World> {
  const { app, worker } = database;
  const { id: tenantId } = await database.newTenant();
  const cluster = await createClusterWorld(database, tenantId, PROD);
  const made = await app.withTenant({ tenantId }, async (tx) => {
    const person = { email: 'a@example.org', displayName: 'A', role: 'operator' } as const;
    const member = await createMember(tx, person);
    const apiKey = await createApiKey(tx, {
      id: tokenId(),
      name: 'key',
      secretSha256: sha256('secret'),
      role: 'owner',
      createdBy: 'test',
    });
    const { policy } = await createPolicy(tx, { name: 'policy', ...policyVersionOf('one') });
    await putPolicyDraft(tx, draftOf(policy.id));
    const assignment = await createAssignment(tx, assignmentOf(policy.id));
    const webhook = await createWebhookEndpoint(tx, {
      name: 'webhook',
      url: 'https://example.org/hook',
      secretEncrypted: Buffer.from('sealed'),
    });
    const logins = await createLogins(tx, member.id);
    await appendAudit(tx, auditEntryOf(cluster.clusterId));
    return {
      memberId: member.id,
      apiKeyId: apiKey.id,
      policyId: policy.id,
      assignmentId: assignment.id,
      webhookId: webhook.id,
      ...logins,
    };
  });
  const delivery = await worker.withTenant({ tenantId }, (tx) =>
    enqueueDelivery(tx, {
      endpointId: made.webhookId,
      alertId: cluster.alertId,
      eventType: 'alert.created',
      payload: { type: 'alert.created' },
    }),
  );
  await app.withPlatform((tx) => updateTenantQuotas(tx, tenantId, { nodes: MAXIMUM_NODES }));
  return { tenantId, ...cluster, ...made, deliveryId: delivery.id };
}

/** Of one member, in every way. */
async function createLogins(tx: TenantTx, memberId: string) {
  const credential = () => ({ id: tokenId(), secretSha256: sha256('secret'), memberId });
  const session = await createSession(tx, { ...credential(), begunBy: 'login-link' });
  const link = await createLoginLink(tx, { ...credential(), createdBy: 'test' });
  const provider = await createIdentityProvider(tx, identityProviderOf('provider'));
  const attempt = {
    id: tokenId(),
    secretSha256: sha256('secret'),
    browserSha256: sha256('browser'),
    providerId: provider.id,
    checksEncrypted: Buffer.from('sealed'),
    returnTo: '/',
  };
  await createLoginAttempt(tx, attempt);
  const subject = tokenId();
  await linkIdentity(tx, memberId, { issuer: ISSUER, subject });
  return {
    sessionId: session.id,
    loginLinkId: link.id,
    identityProviderId: provider.id,
    loginAttemptId: attempt.id,
    subject,
  };
}

/** Ids in their right form of things that never were. */
export function nowhere(): World {
  return {
    tenantId: randomUUID(),
    memberId: randomUUID(),
    apiKeyId: tokenId(),
    clusterId: randomUUID(),
    joinTokenId: tokenId(),
    nodeId: randomUUID(),
    policyId: randomUUID(),
    assignmentId: randomUUID(),
    alertId: randomUUID(),
    groupKey: sha256(randomUUID()),
    webhookId: randomUUID(),
    deliveryId: randomUUID(),
    eventId: randomUUID(),
    sessionId: tokenId(),
    loginLinkId: tokenId(),
    identityProviderId: randomUUID(),
    loginAttemptId: tokenId(),
    subject: tokenId(),
  };
}
