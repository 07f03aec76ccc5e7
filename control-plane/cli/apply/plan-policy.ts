import { diffPolicies } from '../../../proto/ts/policy/diff/diff.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { ApiClient, Item } from '../api/client.js';
import { diffLines } from '../policy/diff.js';
import type { LoadedPolicy } from '../policy/documents.js';
import { refusalOf } from '../policy/judge.js';
import { inItsFile } from '../policy/send.js';
import type { DeclaredPolicy } from './declared.js';
import { changesOf, type KnownPolicies, type Step } from './step.js';

/** A policy gets a version where the document means something else than the latest one. */
export async function planPolicy(
  client: ApiClient,
  declared: DeclaredPolicy,
  existing: Item | undefined,
  policies: KnownPolicies,
): Promise<Step> {
  const { kind, name, origin, source, sha256, loaded } = declared;
  const common = { kind, name, origin };
  if (!existing) {
    policies.set(name, { id: undefined, latestVersion: 1 });
    return {
      ...common,
      action: 'create',
      changes: changesOf([['version', undefined, 1]]),
      meaning: [],
      carryOut: async (to) => {
        const { id } = await post(to, '/v1/policies', { name, source }, loaded.file);
        policies.set(name, { id: String(id), latestVersion: 1 });
      },
    };
  }
  const path = `/v1/policies/${encodeURIComponent(String(existing.id))}`;
  const latest = Number(existing.latestVersion);
  const version = await client.get(`${path}/versions/${latest}`);
  const isSame = version.sha256 === sha256;
  if (!isSame) policies.set(name, { id: String(existing.id), latestVersion: latest + 1 });
  return {
    ...common,
    action: isSame ? 'unchanged' : 'update',
    changes: isSame ? [] : changesOf([['version', latest, latest + 1]]),
    meaning: isSame ? [] : meaningOf(`${name}@${latest}`, String(version.source), loaded),
    carryOut: async (to) => {
      await post(to, `${path}/versions`, { source }, loaded.file);
    },
  };
}

function post(client: ApiClient, path: string, body: Item, file: string): Promise<Item> {
  return inItsFile(file, () => client.call({ method: 'POST', path, body }));
}

/** As "bulkhead policy diff" tells it. */
function meaningOf(file: string, source: string, after: LoadedPolicy): string[] {
  const { policy, places } = parsePolicy(source);
  // Of a version that this program cannot read any more.
  if (!policy || !places) return [];
  const before = { file, policy, places };
  try {
    return diffLines(diffPolicies(policy, after.policy), before, after, (_colour, text) => text);
  } catch (error) {
    if (refusalOf(error, [before, after])) return [];
    throw error;
  }
}
