import type { ApiClient, Item } from '../api/client.js';
import type { DeclaredAssignment } from './declared.js';
import { changesOf, type KnownPolicies, type Step } from './step.js';

/** An assignment of a policy that is there, or is made before it. */
export function planAssignment(
  declared: DeclaredAssignment,
  existing: Item | undefined,
  policies: KnownPolicies,
  problems: string[],
): Step {
  const { kind, name, origin, policy, clusters, mode, priority } = declared;
  const refuse = (message: string) => {
    problems.push(`${origin.file}:${origin.line}:${origin.column}: Assignment ${name}: ${message}`);
  };
  const known = policies.get(policy);
  const version = declared.version ?? known?.latestVersion ?? 0;
  if (!known) refuse(`there is no policy ${policy}`);
  else if (version > known.latestVersion) refuse(`policy ${policy} has no version ${version}`);
  if (existing && existing.policyId !== known?.id) {
    refuse('it is of another policy, which cannot be changed: take another name, or delete it');
  }
  const common = { kind, name, origin, meaning: [] };
  const is = { version, clusters, mode, priority };
  if (!existing) {
    const fields = Object.entries({ policy, ...is });
    return {
      ...common,
      action: 'create',
      changes: changesOf(fields.map(([field, value]) => [field, undefined, value])),
      carryOut: async (client) => {
        const body = { name, policyId: policies.get(policy)?.id ?? '', ...is };
        await client.call({ method: 'POST', path: '/v1/assignments', body });
      },
    };
  }
  const changes = changesOf(
    Object.entries(is).map(([field, value]) => [field, existing[field], value]),
  );
  return {
    ...common,
    action: changes.length > 0 ? 'update' : 'unchanged',
    changes,
    carryOut: (client) => edit(client, existing, is),
  };
}

async function edit(client: ApiClient, { id, revision }: Item, body: Item): Promise<void> {
  const path = `/v1/assignments/${encodeURIComponent(String(id))}`;
  await client.call({ method: 'PATCH', path, body, revision: Number(revision) });
}
