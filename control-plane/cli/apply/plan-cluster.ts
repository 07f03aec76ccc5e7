import type { Item } from '../api/client.js';
import { fieldOf } from '../api/print.js';
import type { DeclaredCluster } from './declared.js';
import { changesOf, type Step } from './step.js';

/** A cluster is made where it is not there; labels that a document leaves out stay. */
export function planCluster(declared: DeclaredCluster, existing: Item | undefined): Step {
  const { kind, name, origin, labels } = declared;
  const common = { kind, name, origin, meaning: [] };
  if (!existing) {
    return {
      ...common,
      action: 'create',
      changes: changesOf([['labels', undefined, labels]]),
      carryOut: async (client) => {
        const body = { name, ...(labels && { labels }) };
        await client.call({ method: 'POST', path: '/v1/clusters', body });
      },
    };
  }
  const changes = labels ? changesOf([['labels', fieldOf(existing, 'labels'), labels]]) : [];
  return {
    ...common,
    action: changes.length > 0 ? 'update' : 'unchanged',
    changes,
    carryOut: async (client) => {
      const path = `/v1/clusters/${encodeURIComponent(String(existing.id))}`;
      const revision = Number(existing.revision);
      await client.call({ method: 'PATCH', path, body: { labels }, revision });
    },
  };
}
