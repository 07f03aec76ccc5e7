/** In the order of each tenant's first; those of a tenant stay in theirs. */
export function byTenant<T extends { readonly tenantId: string }>(
  things: Iterable<T>,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const group = groups.get(thing.tenantId);
    if (group) group.push(thing);
    else groups.set(thing.tenantId, [thing]);
  }
  return groups;
}
