import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type BatchOrigin, type DecodedEvent, eventsFromBatch } from '../domain/ecs.js';
import type { BatchDecoder } from '../domain/event-batches.js';
import { getAnyCluster } from '../store/clusters.js';
import type { LoggedBatch } from '../store/event-batches.js';
import { getNode } from '../store/nodes.js';
import type { TenantTx } from '../store/transaction.js';

/** Where the batch came from, by the names of today. */
export async function originOf(tx: TenantTx, batch: LoggedBatch): Promise<BatchOrigin> {
  const node = await getNode(tx, batch.nodeId);
  const cluster = await getAnyCluster(tx, node.clusterId);
  return {
    tenantId: batch.tenantId,
    clusterId: cluster.id,
    clusterName: cluster.name,
    nodeId: node.id,
    nodeName: node.name,
    bootId: batch.bootId,
    sequence: String(batch.sequence),
    receivedAt: batch.receivedAt,
  };
}

/** The events of a batch. One that cannot be read is logged and gives none: it never holds back the others. */
export function eventsOf(
  batch: LoggedBatch,
  origin: BatchOrigin,
  decode: BatchDecoder,
  log: Logger,
): DecodedEvent[] {
  try {
    return eventsFromBatch(decode(batch.payload), origin);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    const { tenantId, nodeId, bootId, sequence } = batch;
    log.warn(
      { tenantId, nodeId, bootId, sequence: String(sequence), code: error.code },
      'a batch cannot be read and is passed over',
    );
    return [];
  }
}
