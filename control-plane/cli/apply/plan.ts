import type { ApiClient, Item } from '../api/client.js';
import { EXIT, Failure } from '../command.js';
import { type Declared, KINDS, type Kind } from './declared.js';
import { planAssignment } from './plan-assignment.js';
import { planCluster } from './plan-cluster.js';
import { planPolicy } from './plan-policy.js';
import { planWebhook } from './plan-webhook.js';
import type { KnownPolicies, Step } from './step.js';

/** What can be taken back with --prune; there is no way to tell what was made by other hands. */
export const PRUNABLE = ['Assignment', 'Webhook'] as const satisfies readonly Kind[];
export type Prunable = (typeof PRUNABLE)[number];

/** A tenant has fewer. */
const MANY = 100_000;
const AT_ONCE = 8;
const LISTS: Readonly<Record<Kind, string>> = {
  Cluster: '/v1/clusters',
  Policy: '/v1/policies',
  Assignment: '/v1/assignments',
  Webhook: '/v1/webhooks',
};

/** Holds what is declared against what is there. @throws Failure */
export async function makePlan(
  client: ApiClient,
  declared: readonly Declared[],
  prune: readonly Prunable[],
  onPlanned: (name: string) => void,
): Promise<Step[]> {
  const steps: Step[] = [];
  const deletions: Step[] = [];
  const problems: string[] = [];
  const policies: KnownPolicies = new Map();
  for (const kind of KINDS) {
    const wanted = declared.filter((one) => one.kind === kind);
    const takesBack = PRUNABLE.some((one) => one === kind && prune.includes(one));
    const isNamed = kind === 'Policy' && declared.some((one) => one.kind === 'Assignment');
    if (wanted.length === 0 && !takesBack && !isNamed) continue;
    const { items } = await client.list(LISTS[kind], {}, MANY);
    const byName = new Map(items.map((item) => [String(item.name), item]));
    if (kind === 'Policy') for (const item of items) know(policies, item);
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const some = wanted.slice(at, at + AT_ONCE);
      const planned = some.map((one) =>
        planOne(client, one, byName.get(one.name), policies, problems),
      );
      steps.push(...(await Promise.all(planned)));
      for (const { name } of some) onPlanned(name);
    }
    if (takesBack) deletions.unshift(...deletionsOf(kind, items, wanted));
  }
  if (problems.length > 0) throw new Failure(EXIT.refused, problems);
  return [...steps, ...deletions];
}

async function planOne(
  client: ApiClient,
  declared: Declared,
  existing: Item | undefined,
  policies: KnownPolicies,
  problems: string[],
): Promise<Step> {
  switch (declared.kind) {
    case 'Cluster':
      return planCluster(declared, existing);
    case 'Policy':
      return planPolicy(client, declared, existing, policies);
    case 'Assignment':
      return planAssignment(declared, existing, policies, problems);
    case 'Webhook':
      return planWebhook(declared, existing, problems);
  }
}

function know(policies: KnownPolicies, { id, name, latestVersion }: Item): void {
  policies.set(String(name), { id: String(id), latestVersion: Number(latestVersion) });
}

function deletionsOf(kind: Kind, items: readonly Item[], wanted: readonly Declared[]): Step[] {
  const kept = new Set(wanted.map(({ name }) => name));
  return items
    .filter(({ name }) => !kept.has(String(name)))
    .map(({ id, name, revision }) => ({
      action: 'delete',
      kind,
      name: String(name),
      origin: undefined,
      changes: [],
      meaning: [],
      carryOut: async (client) => {
        const path = `${LISTS[kind]}/${encodeURIComponent(String(id))}`;
        await client.call({ method: 'DELETE', path, revision: Number(revision) });
      },
    }));
}
