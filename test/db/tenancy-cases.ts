import { sql } from 'drizzle-orm';
import { enqueueNotices } from '../../control-plane/store/alert-notices.js';
import {
  getAlert,
  listAlerts,
  openAlert,
  recordAlert,
  setAlertStatus,
} from '../../control-plane/store/alerts.js';
import {
  createApiKey,
  listApiKeys,
  revokeApiKey,
  touchApiKey,
} from '../../control-plane/store/api-keys.js';
import {
  countChosen,
  createAssignment,
  deleteAssignment,
  getAssignment,
  listAssignments,
  updateAssignment,
} from '../../control-plane/store/assignments.js';
import {
  appendAudit,
  findAuditBeyondHead,
  getAuditHead,
  listAudit,
  readAuditChain,
} from '../../control-plane/store/audit-log.js';
import { insertBundle, latestBundle, latestBundleHead } from '../../control-plane/store/bundles.js';
import { readTenantChanges } from '../../control-plane/store/changes.js';
import { readClusterStatuses } from '../../control-plane/store/cluster-statuses.js';
import {
  archiveCluster,
  createCluster,
  getAnyCluster,
  getCluster,
  holdCluster,
  listClusterIds,
  listClusters,
  updateCluster,
} from '../../control-plane/store/clusters.js';
import { checkDesiredFits } from '../../control-plane/store/desired-fit.js';
import { checkNotFrozen } from '../../control-plane/store/desired-freeze.js';
import {
  countPolicyUse,
  listClusterPolicies,
  listDesiredForCluster,
  lockDesired,
  recomputeDesired,
} from '../../control-plane/store/desired-state.js';
import { insertEvents, listEvents } from '../../control-plane/store/events.js';
import { claimIdempotencyKey, keepAnswer } from '../../control-plane/store/idempotency-keys.js';
import {
  createIdentityProvider,
  deleteIdentityProvider,
  getClientSecret,
  getIdentityProvider,
  listIdentityProviders,
  updateIdentityProvider,
} from '../../control-plane/store/identity-providers.js';
import { revokeNodesOfToken } from '../../control-plane/store/join-redemptions.js';
import {
  countOpenJoinTokens,
  createJoinToken,
  getJoinToken,
  listJoinTokens,
  revokeJoinToken,
  revokeTokensOfCluster,
} from '../../control-plane/store/join-tokens.js';
import {
  deleteKubernetesJoin,
  getKubernetesJoin,
  putKubernetesJoin,
} from '../../control-plane/store/kubernetes-joins.js';
import { recordReports } from '../../control-plane/store/live-nodes.js';
import { createLoginAttempt, takeLoginAttempt } from '../../control-plane/store/login-attempts.js';
import { createLoginLink, redeemLoginLink } from '../../control-plane/store/login-links.js';
import { linkIdentity, recognise } from '../../control-plane/store/member-identities.js';
import {
  createMember,
  deleteMember,
  findMemberByEmail,
  getMember,
  listMembers,
  updateMember,
} from '../../control-plane/store/members.js';
import {
  listOvertaken,
  listStandings,
  recordShownCertificate,
} from '../../control-plane/store/node-certificates.js';
import { joinNode } from '../../control-plane/store/node-joins.js';
import {
  quarantineNode,
  releaseNode,
  revokeNodes,
  revokeNodesOfCluster,
} from '../../control-plane/store/node-revocations.js';
import { listNodesBehind } from '../../control-plane/store/node-trust.js';
import {
  getNode,
  listNodes,
  readNodePlaces,
  recordCertificate,
  revokeNode,
} from '../../control-plane/store/nodes.js';
import {
  enqueueDelivery,
  listDeliveries,
  markDelivered,
  markFailed,
} from '../../control-plane/store/outbox.js';
import {
  addPolicyVersion,
  archivePolicy,
  createPolicy,
  getPolicy,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
  lockPolicy,
} from '../../control-plane/store/policies.js';
import {
  deletePolicyDraft,
  getPolicyDraft,
  putPolicyDraft,
} from '../../control-plane/store/policy-drafts.js';
import {
  checkVersionQuota,
  getQuotas,
  holdQuota,
  readQuotaUsage,
} from '../../control-plane/store/quotas.js';
import {
  deleteClosedAlertsBefore,
  deleteDeliveriesBefore,
  deleteEventsBefore,
} from '../../control-plane/store/retention.js';
import { countSealedValues, resealValues } from '../../control-plane/store/sealed-values.js';
import {
  createSession,
  deleteSession,
  getSession,
  listSessions,
  touchSession,
} from '../../control-plane/store/sessions.js';
import { getSettings, updateSettings } from '../../control-plane/store/settings.js';
import { checkNotSuspended, getTenant } from '../../control-plane/store/tenants.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listEnabledWebhooks,
  listWebhookEndpoints,
  updateWebhookEndpoint,
} from '../../control-plane/store/webhooks.js';
import {
  assignmentOf,
  auditEntryOf,
  draftOf,
  eventOf,
  ISSUER,
  identityProviderOf,
  kubernetesJoinOf,
  MAXIMUM_NODES,
  NODE_FACTS,
  PROD,
  policyVersionOf,
  sha256,
  sightingOf,
  type World,
} from '../support/store-world.js';

export interface TenantCase {
  /** module.function */
  readonly name: string;
  readonly role?: 'worker';
  /** With the ids of a world: the tenant's own, another's, or of things that never were. */
  readonly call: (tx: TenantTx, world: World) => Promise<unknown>;
  /** Its answer says nothing even to the owner. */
  readonly forgets?: true;
  /**
   * What a caller limited to clusters gets of it. Absent: what belongs to those. 'all': the same as
   * others, since it tells nothing of clusters. 'tenant': nothing.
   */
  readonly reach?: 'all' | 'tenant';
}

const HASH = sha256('x');
const PREFIX = HASH.subarray(0, 9);
const BUNDLE = { contentSha256: HASH, envelopeGzip: Buffer.from('x'), signingKeyId: 'key' };
const ALERTED = { eventType: 'alert.created', payload: {} };

export const TENANT_CASES: readonly TenantCase[] = [
  { name: 'alerts.getAlert', call: (tx, world) => getAlert(tx, world.alertId) },
  {
    name: 'alerts.listAlerts',
    call: (tx, world) => listAlerts(tx, { clusterId: world.clusterId }),
  },
  {
    name: 'alert-notices.enqueueNotices',
    call: (tx, world) => enqueueNotices(tx, world.alertId),
  },
  {
    name: 'alerts.openAlert',
    call: (tx, { clusterId, nodeId }) =>
      openAlert(tx, sightingOf(clusterId, nodeId, { groupKey: HASH })),
  },
  {
    name: 'alerts.recordAlert',
    role: 'worker',
    call: (tx, { clusterId, nodeId, groupKey }) =>
      recordAlert(tx, sightingOf(clusterId, nodeId, { groupKey })),
  },
  {
    name: 'alerts.setAlertStatus',
    call: (tx, world) => setAlertStatus(tx, world.alertId, 'closed'),
  },
  {
    name: 'api-keys.createApiKey',
    reach: 'tenant',
    call: (tx) =>
      createApiKey(tx, {
        id: '00000000deadbeef',
        name: 'new',
        secretSha256: HASH,
        role: 'viewer',
        createdBy: 'test',
      }),
  },
  { name: 'api-keys.listApiKeys', reach: 'tenant', call: (tx) => listApiKeys(tx) },
  {
    name: 'api-keys.revokeApiKey',
    reach: 'tenant',
    call: (tx, world) => revokeApiKey(tx, world.apiKeyId),
  },
  {
    name: 'api-keys.touchApiKey',
    reach: 'tenant',
    call: (tx, world) => touchApiKey(tx, world.apiKeyId),
    forgets: true,
  },
  {
    name: 'assignments.countChosen',
    // Nobody's clusters are none: the sum tells that.
    call: async (tx) => (await countChosen(tx, [{ clusters: '' }])).filter((some) => some > 0),
  },
  {
    name: 'assignments.createAssignment',
    reach: 'all',
    call: (tx, { policyId }) => createAssignment(tx, assignmentOf(policyId, { name: 'new' })),
  },
  {
    name: 'assignments.deleteAssignment',
    call: (tx, world) => deleteAssignment(tx, world.assignmentId),
  },
  {
    name: 'assignments.getAssignment',
    reach: 'all',
    call: (tx, world) => getAssignment(tx, world.assignmentId),
  },
  {
    name: 'assignments.listAssignments',
    call: (tx, world) => listAssignments(tx, { clusterId: world.clusterId }),
  },
  {
    name: 'assignments.updateAssignment',
    reach: 'all',
    call: (tx, world) => updateAssignment(tx, world.assignmentId, { mode: 'observe' }),
  },
  {
    name: 'audit-log.appendAudit',
    reach: 'all',
    call: async (tx) => (await appendAudit(tx, auditEntryOf('new'))).targetId,
  },
  {
    name: 'audit-log.findAuditBeyondHead',
    reach: 'tenant',
    call: (tx) => findAuditBeyondHead(tx),
    forgets: true,
  },
  { name: 'audit-log.getAuditHead', reach: 'all', call: (tx) => getAuditHead(tx) },
  {
    name: 'audit-log.listAudit',
    reach: 'tenant',
    call: (tx, world) => listAudit(tx, { targetId: world.clusterId }),
  },
  { name: 'audit-log.readAuditChain', reach: 'tenant', call: (tx) => readAuditChain(tx, 0n, 10) },
  {
    name: 'bundles.insertBundle',
    call: (tx, world) => insertBundle(tx, world.clusterId, async () => BUNDLE),
  },
  {
    name: 'bundles.latestBundleHead',
    call: (tx, world) => latestBundleHead(tx, world.clusterId),
  },
  { name: 'bundles.latestBundle', call: (tx, world) => latestBundle(tx, world.clusterId) },
  {
    name: 'cluster-statuses.readClusterStatuses',
    call: async (tx, world) => [...(await readClusterStatuses(tx, [world.clusterId])).values()],
  },
  {
    name: 'changes.readTenantChanges',
    call: async (tx) =>
      (await readTenantChanges(tx, { xid: '0', id: 0n }, ['nodes', 'clusters'], 10)).changes,
  },
  {
    name: 'clusters.archiveCluster',
    call: (tx, world) => archiveCluster(tx, world.clusterId),
  },
  {
    name: 'clusters.createCluster',
    call: (tx) => createCluster(tx, { name: 'new', labels: PROD }),
  },
  { name: 'clusters.getAnyCluster', call: (tx, world) => getAnyCluster(tx, world.clusterId) },
  { name: 'clusters.getCluster', call: (tx, world) => getCluster(tx, world.clusterId) },
  {
    name: 'clusters.holdCluster',
    call: (tx, world) => holdCluster(tx, world.clusterId),
    forgets: true,
  },
  { name: 'clusters.listClusterIds', call: (tx) => listClusterIds(tx) },
  { name: 'clusters.listClusters', call: (tx) => listClusters(tx) },
  {
    name: 'clusters.updateCluster',
    call: (tx, world) => updateCluster(tx, world.clusterId, { labels: { ...PROD, a: 'b' } }),
  },
  {
    name: 'desired-fit.checkDesiredFits',
    call: (tx, world) => checkDesiredFits(tx, [world.clusterId]),
    forgets: true,
  },
  {
    name: 'desired-freeze.checkNotFrozen',
    call: (tx, world) => checkNotFrozen(tx, [world.clusterId]),
    forgets: true,
  },
  {
    name: 'desired-state.countPolicyUse',
    reach: 'all',
    call: async (tx, world) => {
      const use = Object.entries(await countPolicyUse(tx, world.policyId));
      return use.filter(([, some]) => some > 0);
    },
  },
  {
    name: 'desired-state.listClusterPolicies',
    call: (tx, world) => listClusterPolicies(tx, world.clusterId),
  },
  {
    name: 'desired-state.listDesiredForCluster',
    call: (tx, world) => listDesiredForCluster(tx, world.clusterId),
  },
  { name: 'desired-state.lockDesired', call: (tx) => lockDesired(tx), forgets: true },
  {
    name: 'desired-state.recomputeDesired',
    call: (tx, { policyId, assignmentId }) =>
      recomputeDesired(tx, { policyId, without: assignmentId }),
    forgets: true,
  },
  {
    name: 'events.insertEvents',
    role: 'worker',
    call: (tx, { clusterId, nodeId }) => insertEvents(tx, [eventOf(clusterId, nodeId)]),
  },
  { name: 'events.listEvents', call: (tx, world) => listEvents(tx, { nodeId: world.nodeId }) },
  {
    name: 'idempotency-keys.claimIdempotencyKey',
    reach: 'all',
    call: (tx) => claimIdempotencyKey(tx, { caller: 'a', key: 'k' }, HASH),
    forgets: true,
  },
  {
    name: 'idempotency-keys.keepAnswer',
    reach: 'all',
    call: (tx) => keepAnswer(tx, { caller: 'a', key: 'k' }, { status: 201, answerEncrypted: HASH }),
    forgets: true,
  },
  {
    name: 'identity-providers.createIdentityProvider',
    reach: 'tenant',
    call: (tx) => createIdentityProvider(tx, identityProviderOf('new')),
  },
  {
    name: 'identity-providers.deleteIdentityProvider',
    reach: 'tenant',
    call: (tx, world) => deleteIdentityProvider(tx, world.identityProviderId),
  },
  {
    name: 'identity-providers.getClientSecret',
    reach: 'tenant',
    call: (tx, world) => getClientSecret(tx, world.identityProviderId),
  },
  {
    name: 'identity-providers.getIdentityProvider',
    reach: 'tenant',
    call: (tx, world) => getIdentityProvider(tx, world.identityProviderId),
  },
  {
    name: 'identity-providers.listIdentityProviders',
    reach: 'tenant',
    call: (tx) => listIdentityProviders(tx),
  },
  {
    name: 'identity-providers.updateIdentityProvider',
    reach: 'tenant',
    call: (tx, world) =>
      updateIdentityProvider(tx, world.identityProviderId, { createMembers: true }),
  },
  {
    name: 'join-redemptions.revokeNodesOfToken',
    call: async (tx, world) => (await revokeNodesOfToken(tx, world.joinTokenId)) > 0,
  },
  {
    name: 'join-tokens.countOpenJoinTokens',
    call: (tx) => countOpenJoinTokens(tx, new Date()),
    forgets: true,
  },
  {
    name: 'join-tokens.createJoinToken',
    call: (tx, { clusterId }) =>
      createJoinToken(tx, {
        id: '00000000deadbeef',
        clusterId,
        secretSha256: HASH,
        createdBy: 'test',
      }),
  },
  {
    name: 'join-tokens.getJoinToken',
    call: (tx, world) => getJoinToken(tx, world.joinTokenId),
  },
  {
    name: 'join-tokens.listJoinTokens',
    call: (tx, world) => listJoinTokens(tx, { clusterId: world.clusterId }),
  },
  {
    name: 'join-tokens.revokeJoinToken',
    call: (tx, world) => revokeJoinToken(tx, world.joinTokenId),
  },
  {
    name: 'live-nodes.recordReports',
    call: (tx, world) =>
      recordReports(tx, new Map([[world.nodeId, { appliedRevision: 1, heardAt: 0 }]])),
  },
  {
    name: 'join-tokens.revokeTokensOfCluster',
    call: async (tx, world) => (await revokeTokensOfCluster(tx, world.clusterId)) > 0,
  },
  {
    name: 'login-attempts.createLoginAttempt',
    reach: 'tenant',
    call: (tx, world) =>
      createLoginAttempt(tx, {
        id: '00000000deadbeef',
        secretSha256: HASH,
        browserSha256: HASH,
        providerId: world.identityProviderId,
        checksEncrypted: HASH,
        returnTo: '/',
      }),
    forgets: true,
  },
  {
    name: 'login-attempts.takeLoginAttempt',
    reach: 'tenant',
    call: (tx, { loginAttemptId: id, identityProviderId: providerId }) =>
      takeLoginAttempt(tx, {
        id,
        providerId,
        secretSha256: sha256('secret'),
        browserSha256: sha256('browser'),
      }),
  },
  {
    name: 'login-links.createLoginLink',
    reach: 'tenant',
    call: (tx, { memberId }) =>
      createLoginLink(tx, {
        id: '00000000deadbeef',
        secretSha256: HASH,
        memberId,
        createdBy: 'test',
      }),
  },
  {
    name: 'login-links.redeemLoginLink',
    reach: 'tenant',
    call: (tx, { loginLinkId: id }) => redeemLoginLink(tx, { id, secretSha256: sha256('secret') }),
  },
  {
    name: 'member-identities.linkIdentity',
    reach: 'tenant',
    call: (tx, { memberId }) => linkIdentity(tx, memberId, { issuer: 'https://x', subject: 'new' }),
  },
  {
    name: 'member-identities.recognise',
    reach: 'tenant',
    call: (tx, { subject }) => recognise(tx, { issuer: ISSUER, subject }),
  },
  {
    name: 'members.findMemberByEmail',
    reach: 'tenant',
    call: (tx) => findMemberByEmail(tx, 'a@example.org'),
  },
  {
    name: 'members.createMember',
    reach: 'tenant',
    call: (tx) => createMember(tx, { email: 'b@example.org', displayName: 'B', role: 'viewer' }),
  },
  {
    name: 'members.deleteMember',
    reach: 'tenant',
    call: (tx, world) => deleteMember(tx, world.memberId),
  },
  {
    name: 'members.getMember',
    reach: 'tenant',
    call: (tx, world) => getMember(tx, world.memberId),
  },
  { name: 'members.listMembers', reach: 'tenant', call: (tx) => listMembers(tx) },
  {
    name: 'members.updateMember',
    reach: 'tenant',
    call: (tx, world) => updateMember(tx, world.memberId, { displayName: 'changed' }),
  },
  {
    name: 'node-trust.listNodesBehind',
    call: (tx) =>
      listNodesBehind(tx, { trustSha256: HASH, certificateAuthority: 'pin', signingKeyId: 'id' }),
  },
  { name: 'nodes.getNode', call: (tx, world) => getNode(tx, world.nodeId) },
  { name: 'nodes.listNodes', call: (tx, world) => listNodes(tx, { clusterId: world.clusterId }) },
  {
    name: 'nodes.readNodePlaces',
    role: 'worker',
    call: async (tx, world) => [...(await readNodePlaces(tx, [world.nodeId]))],
  },
  {
    name: 'nodes.recordCertificate',
    call: (tx, world) =>
      recordCertificate(tx, world.nodeId, { serialNumber: '01', notAfter: new Date() }),
  },
  {
    name: 'kubernetes-joins.deleteKubernetesJoin',
    call: (tx, world) => deleteKubernetesJoin(tx, world.clusterId),
  },
  {
    name: 'kubernetes-joins.getKubernetesJoin',
    call: (tx, world) => getKubernetesJoin(tx, world.clusterId),
  },
  {
    name: 'kubernetes-joins.putKubernetesJoin',
    call: (tx, world) => putKubernetesJoin(tx, kubernetesJoinOf(world.clusterId)),
  },
  {
    name: 'node-certificates.listOvertaken',
    call: async (tx, world) =>
      [...(await listOvertaken(tx, [{ id: world.nodeId, join: 0 }])).values()].filter(Boolean),
  },
  {
    name: 'node-certificates.listStandings',
    call: async (tx, world) => [...(await listStandings(tx, [world.nodeId])).values()],
  },
  {
    name: 'node-certificates.recordShownCertificate',
    call: (tx, world) => recordShownCertificate(tx, world.nodeId, '01', { join: 1, generation: 1 }),
  },
  {
    name: 'node-joins.joinNode',
    call: (tx, { clusterId }) =>
      joinNode(
        tx,
        {
          ...NODE_FACTS,
          clusterId,
          labels: {},
          publicKeySha256: HASH,
          proof: {},
          takesRevoked: true,
        },
        async () => {},
      ),
  },
  {
    name: 'node-revocations.quarantineNode',
    call: (tx, world) => quarantineNode(tx, world.nodeId, 1),
  },
  {
    name: 'node-revocations.releaseNode',
    call: async (tx, world) => {
      await quarantineNode(tx, world.nodeId, 1);
      return releaseNode(tx, world.nodeId);
    },
  },
  {
    name: 'node-revocations.revokeNodes',
    call: async (tx, world) => (await revokeNodes(tx, sql`id = ${world.nodeId}`)) > 0,
  },
  {
    name: 'node-revocations.revokeNodesOfCluster',
    call: async (tx, world) => (await revokeNodesOfCluster(tx, world.clusterId)) > 0,
  },
  { name: 'nodes.revokeNode', call: (tx, world) => revokeNode(tx, world.nodeId) },
  {
    name: 'outbox.enqueueDelivery',
    role: 'worker',
    call: (tx, world) =>
      enqueueDelivery(tx, { endpointId: world.webhookId, alertId: world.alertId, ...ALERTED }),
  },
  { name: 'outbox.listDeliveries', call: (tx, world) => listDeliveries(tx, world.webhookId) },
  {
    name: 'outbox.markDelivered',
    role: 'worker',
    call: (tx, world) => markDelivered(tx, world.deliveryId),
  },
  {
    name: 'outbox.markFailed',
    role: 'worker',
    call: (tx, world) =>
      markFailed(tx, world.deliveryId, { error: 'refused', nextAttemptAt: 'dead' }),
  },
  {
    name: 'policies.addPolicyVersion',
    reach: 'all',
    call: (tx, world) => addPolicyVersion(tx, world.policyId, policyVersionOf('two')),
  },
  {
    name: 'policies.archivePolicy',
    call: async (tx, world) => {
      await getAssignment(tx, world.assignmentId);
      await deleteAssignment(tx, world.assignmentId);
      return archivePolicy(tx, world.policyId);
    },
  },
  {
    name: 'policies.createPolicy',
    reach: 'all',
    call: (tx) => createPolicy(tx, { name: 'new', ...policyVersionOf('one') }),
  },
  { name: 'policies.getPolicy', reach: 'all', call: (tx, world) => getPolicy(tx, world.policyId) },
  {
    name: 'policies.getPolicyVersion',
    reach: 'all',
    call: (tx, world) => getPolicyVersion(tx, world.policyId, 1),
  },
  { name: 'policies.listPolicies', reach: 'all', call: (tx) => listPolicies(tx) },
  {
    name: 'policies.listPolicyVersions',
    reach: 'all',
    call: (tx, world) => listPolicyVersions(tx, world.policyId),
  },
  {
    name: 'policies.lockPolicy',
    reach: 'all',
    call: (tx, world) => lockPolicy(tx, world.policyId),
  },
  {
    name: 'policy-drafts.deletePolicyDraft',
    reach: 'all',
    call: (tx, world) => deletePolicyDraft(tx, world.policyId),
  },
  {
    name: 'policy-drafts.getPolicyDraft',
    reach: 'all',
    call: (tx, world) => getPolicyDraft(tx, world.policyId),
  },
  {
    name: 'policy-drafts.putPolicyDraft',
    reach: 'all',
    call: (tx, world) => putPolicyDraft(tx, draftOf(world.policyId)),
  },
  {
    name: 'retention.deleteClosedAlertsBefore',
    role: 'worker',
    call: (tx) => deleteClosedAlertsBefore(tx, new Date()),
    forgets: true,
  },
  {
    name: 'retention.deleteDeliveriesBefore',
    role: 'worker',
    call: (tx) => deleteDeliveriesBefore(tx, new Date()),
    forgets: true,
  },
  {
    name: 'retention.deleteEventsBefore',
    role: 'worker',
    call: (tx) => deleteEventsBefore(tx, new Date()),
    forgets: true,
  },
  { name: 'settings.getSettings', reach: 'all', call: (tx) => getSettings(tx), forgets: true },
  {
    name: 'settings.updateSettings',
    reach: 'tenant',
    call: (tx) => updateSettings(tx, { retention: { eventDays: 3 } }),
  },
  {
    name: 'sealed-values.countSealedValues',
    reach: 'all',
    call: async (tx) => (await countSealedValues(tx, PREFIX)).values > 0,
  },
  {
    name: 'sealed-values.resealValues',
    reach: 'tenant',
    call: async (tx) => {
      const { done } = await resealValues(tx, PREFIX, (_purpose, sealed) =>
        Buffer.concat([PREFIX, sealed]),
      );
      return done > 0;
    },
  },
  {
    name: 'quotas.checkVersionQuota',
    reach: 'all',
    call: (tx) => checkVersionQuota(tx, 2),
    forgets: true,
  },
  {
    name: 'quotas.getQuotas',
    reach: 'all',
    call: async (tx) =>
      (await getQuotas(tx)).maximums.nodes === MAXIMUM_NODES ? [MAXIMUM_NODES] : [],
  },
  { name: 'quotas.holdQuota', reach: 'all', call: (tx) => holdQuota(tx, 'nodes'), forgets: true },
  {
    name: 'quotas.readQuotaUsage',
    reach: 'all',
    call: async (tx) => Object.values(await readQuotaUsage(tx)).filter((used) => used > 0),
  },
  {
    name: 'sessions.createSession',
    reach: 'all',
    call: (tx, { memberId }) =>
      createSession(tx, {
        id: '00000000deadbeef',
        secretSha256: HASH,
        memberId,
        begunBy: 'login-link',
      }),
  },
  {
    name: 'sessions.deleteSession',
    reach: 'all',
    call: (tx, world) => deleteSession(tx, world.sessionId),
    forgets: true,
  },
  {
    name: 'sessions.getSession',
    reach: 'all',
    call: (tx, world) => getSession(tx, world.sessionId),
  },
  { name: 'sessions.listSessions', reach: 'all', call: (tx) => listSessions(tx) },
  {
    name: 'sessions.touchSession',
    reach: 'all',
    call: (tx, world) => touchSession(tx, world.sessionId),
    forgets: true,
  },
  { name: 'tenants.checkNotSuspended', reach: 'all', forgets: true, call: checkNotSuspended },
  { name: 'tenants.getTenant', reach: 'all', call: (tx) => getTenant(tx) },
  {
    name: 'webhooks.createWebhookEndpoint',
    reach: 'tenant',
    call: (tx) =>
      createWebhookEndpoint(tx, { name: 'new', url: 'https://x', secretEncrypted: HASH }),
  },
  {
    name: 'webhooks.deleteWebhookEndpoint',
    reach: 'tenant',
    call: (tx, world) => deleteWebhookEndpoint(tx, world.webhookId),
    forgets: true,
  },
  {
    name: 'webhooks.getWebhookEndpoint',
    reach: 'all',
    call: (tx, world) => getWebhookEndpoint(tx, world.webhookId),
  },
  { name: 'webhooks.listEnabledWebhooks', reach: 'all', call: (tx) => listEnabledWebhooks(tx) },
  { name: 'webhooks.listWebhookEndpoints', reach: 'all', call: (tx) => listWebhookEndpoints(tx) },
  {
    name: 'webhooks.updateWebhookEndpoint',
    reach: 'tenant',
    call: (tx, world) => updateWebhookEndpoint(tx, world.webhookId, { enabled: false }),
  },
];

/** Those that run for no tenant, and what keeps tenants apart there. Each has tests of its own. */
export const GLOBAL_FUNCTIONS: Readonly<Record<string, string>> = {
  'changes.endOfChanges': 'a position, which is the same for all tenants',
  'changes.isAfter': 'no statement',
  'changes.readChanges': 'of the tenants that it is given: the caller authenticated their streams',
  'changes.trimChanges': 'worker: over all tenants, and says only how many',
  'alert-changes.leaseAlertChanges': 'worker: over all tenants',
  'alert-changes.listAlertChanges': 'worker: over all tenants',
  'alert-changes.registerAlertConsumer': 'worker: cursors belong to no tenant',
  'alerts.alertFromRow': 'no statement',
  'api-keys.findApiKey': 'the id of a key names its tenant',
  'audit-verification.verifyAuditLog': 'reads as the tenant that it is given, by other functions',
  'audit-verification.walkAuditChain': 'reads as the tenant that it is given, by other functions',
  'backlog.readBacklog': 'worker: over all tenants, and says only how many',
  'event-batches.insertBatches': 'runs as the tenant that it is given: the caller authenticated it',
  'event-batches.kindFromNumber': 'no statement',
  'event-batches.shardOf': 'no statement',
  'event-cursors.completeLease': 'worker: cursors belong to no tenant',
  'event-cursors.leaseShard': 'worker: over all tenants',
  'event-cursors.registerConsumer': 'worker: cursors belong to no tenant',
  'event-cursors.releaseLease': 'worker: cursors belong to no tenant',
  'event-cursors.renewLease': 'worker: cursors belong to no tenant',
  'event-cursors.startLease': 'worker: cursors belong to no tenant',
  'event-cursors.withClaimedShard': 'worker: over all tenants',
  'join-redemptions.redeemJoinToken': 'the id of a token names its tenant, its secret proves it',
  'kubernetes-join-uses.redeemServiceAccountToken':
    'runs as the tenant that it is given: its trust verified the token',
  'kubernetes-joins.findTrustOfCluster': 'the id of a cluster names its tenant; public keys only',
  'nodes.checkLive': 'no statement',
  'nodes.refusalOf': 'no statement',
  'nodes.byId': 'no statement',
  'nodes.isLive': 'no statement',
  'nodes.nodeFromRow': 'no statement',
  'master-keys.insertMasterKeyIfAbsent': 'the keys of the installation',
  'master-keys.listMasterKeys': 'the keys of the installation',
  'master-keys.moveMasterKey': 'the keys of the installation',
  'login-attempts.findLoginAttemptTenant': 'the id of an attempt names its tenant',
  'login-links.findLoginLinkTenant': 'the id of a link names its tenant, its secret proves it',
  'members.memberFromRow': 'no statement',
  'outbox.claimDueDeliveries': 'worker: over all tenants',
  'partitions.dropEventDaysBefore': 'worker: partitions belong to no tenant',
  'partitions.ensurePartitions': 'worker: partitions belong to no tenant',
  'platform-credentials.createPlatformCredential': 'of no tenant',
  'platform-credentials.findPlatformCredential': 'of no tenant',
  'platform-credentials.revokePlatformCredential': 'of no tenant',
  'platform-keys.insertKeyIfAbsent': 'the keys of the installation',
  'platform-keys.insertNextKey': 'the keys of the installation',
  'platform-keys.listKeys': 'the keys of the installation',
  'platform-keys.moveKey': 'the keys of the installation',
  'retention.dropBatchesBefore': 'worker: partitions belong to no tenant',
  'settings.listRetentions': 'worker: over all tenants',
  'quotas.getTenantQuotas': 'of the tenant that the platform names',
  'quotas.updateTenantQuotas': 'of the tenant that the platform names',
  'sessions.findSession': 'the id of a session names its tenant',
  'tenants.createTenant': 'makes one',
  'tenants.ensureTenant': 'makes one',
  'tenants.everyTenant': 'lists them for the platform',
  'tenants.findTenantByName': 'lists them for the platform',
  'tenants.getTenantById': 'lists them for the platform',
  'tenants.listTenants': 'lists them for the platform',
  'tenants.updateTenant': 'changes one for the platform',
};
