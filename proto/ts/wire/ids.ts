const UUID_FORM = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const UUID = new RegExp(`^${UUID_FORM}$`);
const NODE_PATH = new RegExp(`^t/(${UUID_FORM})/c/(${UUID_FORM})/n/(${UUID_FORM})$`);

/** A UUID in lower case, as every id on the wire is written. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The path of a node's SPIFFE id: t/<tenant>/c/<cluster>/n/<node>. undefined: another form. */
export function parseNodePath(
  path: string,
): { tenantId: string; clusterId: string; nodeId: string } | undefined {
  const match = NODE_PATH.exec(path);
  if (!match) return undefined;
  const [, tenantId = '', clusterId = '', nodeId = ''] = match;
  return { tenantId, clusterId, nodeId };
}
