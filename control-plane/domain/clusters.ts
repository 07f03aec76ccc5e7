import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Labels } from './label-selector.js';

/** Labels under it are not given: every cluster has them of itself. */
const BUILT_IN_PREFIX = 'bulkhead.io/';
export const CLUSTER_ID_LABEL = `${BUILT_IN_PREFIX}cluster-id`;
/** A name that could be no label's value is chosen by no text: such a cluster has its id. */
export const CLUSTER_NAME_LABEL = `${BUILT_IN_PREFIX}cluster-name`;

export interface LabelledCluster {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
}

/** What a selector sees of a cluster: what it was given, and what it has of itself. */
export function selectableLabels({ id, name, labels }: LabelledCluster): Labels {
  return { ...labels, [CLUSTER_ID_LABEL]: id, [CLUSTER_NAME_LABEL]: name };
}

/** @throws BulkheadError INVALID_ARGUMENT where one of them is ours to set */
export function checkGivenLabels(labels: Labels): void {
  const kept = Object.keys(labels).find((key) => key.startsWith(BUILT_IN_PREFIX));
  if (kept === undefined) return;
  throw new BulkheadError('INVALID_ARGUMENT', `labels: ${kept}: a cluster has it of itself`);
}
