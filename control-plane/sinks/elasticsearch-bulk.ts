import type { estypes } from '@elastic/elasticsearch';

import { DATASETS, type DatasetName } from './elasticsearch-templates.js';

export interface SinkDocument {
  /** Deterministic: a repeat has the same. At most 512 bytes. */
  readonly id: string;
  /** For `@timestamp`, where the document has none. */
  readonly timestampMs: number;
  readonly tenantId: string;
  /** ECS, JSON-serialisable. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** A document on its way, serialised once. */
export interface PendingDocument {
  /** Its place in the caller's list. */
  readonly index: number;
  readonly id: string;
  readonly dataStream: string;
  readonly body: string;
}

export type ItemOutcome =
  | { readonly kind: 'created' | 'exists' }
  /** Never taken, however often it is sent. */
  | { readonly kind: 'dead'; readonly reason: string }
  /** Nothing is wrong with the document: again later. */
  | { readonly kind: 'retry'; readonly reason: string; readonly templatesMissing: boolean };

const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_CHUNK_DOCUMENTS = 1000;
const MAX_REASON_LENGTH = 500;

/** The document as it is sent, or why it never can be. */
export function prepare(
  name: DatasetName,
  { id, timestampMs, tenantId, document }: SinkDocument,
  index: number,
): PendingDocument | { readonly reason: string } {
  const { dataset } = DATASETS[name];
  // No hyphen may stand in a namespace: it parts the words of a data stream's name.
  const namespace = tenantId.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-z]{1,64}$/.test(namespace)) return { reason: 'the tenant id is malformed' };
  try {
    const body = JSON.stringify({
      '@timestamp': new Date(timestampMs).toISOString(),
      ...document,
      data_stream: { type: 'logs', dataset, namespace },
    });
    return { index, id, dataStream: `logs-${dataset}-${namespace}`, body };
  } catch (error) {
    return { reason: `not serialisable: ${error instanceof Error ? error.message : 'unknown'}` };
  }
}

/** Cuts the list into requests of bounded size; a document larger than that has one of its own. */
export function chunksOf(documents: readonly PendingDocument[]): PendingDocument[][] {
  const chunks: PendingDocument[][] = [];
  let chunk: PendingDocument[] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = Buffer.byteLength(document.body);
    if (
      chunk.length === MAX_CHUNK_DOCUMENTS ||
      (chunk.length > 0 && bytes + size > MAX_CHUNK_BYTES)
    ) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(document);
    bytes += size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** The lines of a bulk request: `create`, so that what is there already is refused, not replaced. */
export function bulkLines(documents: readonly PendingDocument[]): string[] {
  return documents.flatMap(({ dataStream, id, body }) => [
    JSON.stringify({ create: { _index: dataStream, _id: id } }),
    body,
  ]);
}

/**
 * What an item of the answer means. Only 400 and 413 speak about the document itself. 401 and 403 (also:
 * a disk that is full makes indices read-only) and 404 (templates were removed) are the cluster's state,
 * as 429, 5xx and the 400 of a data stream that cannot be made (limit of shards) are: the document waits,
 * for dropping it would lose every one behind it too.
 */
export function outcomeOf(item: estypes.BulkResponseItem | undefined): ItemOutcome {
  if (!item) return { kind: 'retry', reason: 'missing in the answer', templatesMissing: false };
  const { status, error } = item;
  if (status >= 200 && status < 300) return { kind: 'created' };
  if (status === 409) return { kind: 'exists' };
  const reason = reasonOf(item);
  const cannotMakeIndex = error?.type === 'validation_exception';
  if ((status === 400 && !cannotMakeIndex) || status === 413) return { kind: 'dead', reason };
  return { kind: 'retry', reason, templatesMissing: status === 404 };
}

function reasonOf({ status, error }: estypes.BulkResponseItem): string {
  const cause = error?.caused_by?.reason;
  const text = `${status} ${error?.type ?? 'unknown'}: ${error?.reason ?? ''}${cause ? ` (${cause})` : ''}`;
  return text.slice(0, MAX_REASON_LENGTH);
}
