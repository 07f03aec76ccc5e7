import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type LabelledCluster, selectableLabels } from '../domain/clusters.js';
import {
  isWithin,
  type LabelSelector,
  selectorFromText,
  selectorMatches,
  selectorToText,
} from '../domain/label-selector.js';
import { callerOf } from './caller.js';

/** What the stored text of a limit to clusters chooses; absent or '': every cluster. */
export function selectorOfClusters(text: string | undefined): LabelSelector | undefined {
  return text ? selectorFromText('clusters', text) : undefined;
}

/** As it is stored; '': every cluster. @throws BulkheadError INVALID_ARGUMENT */
export function clustersFromText(text: string): string {
  return selectorToText(selectorFromText('clusters', text));
}

/**
 * For what chooses clusters by itself: a caller who is limited must name all that limits them.
 * @throws BulkheadError PERMISSION_DENIED
 */
export function checkWithin(request: FastifyRequest, selector: LabelSelector): void {
  const { clusters } = callerOf(request);
  if (!clusters || isWithin(selector, clusters)) return;
  const needed = selectorToText(clusters);
  throw new BulkheadError('PERMISSION_DENIED', `clusters: must hold your own limit, ${needed}`);
}

/**
 * For a cluster that is made or changed: it must be among the caller's afterwards. That it was before
 * is held by the database, and so is this, with a worse message.
 * @throws BulkheadError PERMISSION_DENIED
 */
export function checkChosen(request: FastifyRequest, cluster: LabelledCluster): void {
  const { clusters } = callerOf(request);
  if (!clusters || selectorMatches(clusters, selectableLabels(cluster))) return;
  const needed = selectorToText(clusters);
  throw new BulkheadError('PERMISSION_DENIED', `the cluster must match your own limit, ${needed}`);
}
