/** Limits that both ends of a connection check. */
export const LIMITS = {
  /** One batch of events, its payload (event.proto EventBatch). */
  batchPayloadBytes: 1024 * 1024,
  /** Events in one batch. */
  batchEvents: 65_536,
  /** A certificate request, DER. */
  csrBytes: 8 * 1024,
  /** A gzipped bundle envelope as it travels. */
  bundleGzipBytes: 8 * 1024 * 1024,
  /** The same, unpacked: an agent stops unpacking here. */
  bundleBytes: 32 * 1024 * 1024,
  /** A policy document. */
  policyDocumentBytes: 256 * 1024,
  /** Any gRPC message. */
  grpcMessageBytes: 9 * 1024 * 1024,
  /** A node's, cluster's or policy's name. */
  nameBytes: 253,
  /** The text of a Nack or of an error. */
  messageBytes: 4096,
  /** Batches under way on one event stream. */
  eventCredit: 32,
} as const;

/** A name that every control plane's server certificate carries, beside those of its addresses. */
export const SERVER_NAME = 'bulkhead-control-plane';
