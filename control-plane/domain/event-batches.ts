import type { EventBatch__Output } from '../../proto/ts/gen/bulkhead/v1/EventBatch.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { loadMessageType } from '../../proto/ts/wire/protos.js';

export type DecodedBatch = EventBatch__Output;
export type BatchDecoder = (payload: Uint8Array) => DecodedBatch;

/**
 * The only decoder of event batches. What it lets through has every index within its list, so that
 * no reader looks again.
 * @throws BulkheadError BATCH_MALFORMED, BATCH_TOO_LARGE
 */
export function createBatchDecoder(): BatchDecoder {
  const type = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.EventBatch');
  return (payload) => {
    if (payload.byteLength > LIMITS.batchPayloadBytes) throw new BulkheadError('BATCH_TOO_LARGE');
    let batch: DecodedBatch;
    try {
      batch = type.toObject(type.decode(payload), {
        longs: String,
        enums: String,
        defaults: true,
        arrays: true,
        bytes: Buffer,
      }) as DecodedBatch;
    } catch (cause) {
      throw new BulkheadError('BATCH_MALFORMED', 'the payload is not an EventBatch', { cause });
    }
    checkIndexes(batch);
    return batch;
  };
}

function checkIndexes(batch: DecodedBatch): void {
  if (batch.events.length > LIMITS.batchEvents) throw new BulkheadError('BATCH_TOO_LARGE');
  const strings = batch.strings.length;
  const isString = (index: number) => index < Math.max(strings, 1);
  for (const event of batch.events) {
    const { process, file } = event;
    const good =
      (event.container === 0 || event.container < batch.containers.length) &&
      event.fired.every((index) => index < batch.responses.length) &&
      event.undecidedStrings.every(isString) &&
      process !== null &&
      isString(process.executableString) &&
      isString(process.nameString) &&
      isString(process.parentExecutableString) &&
      process.argsStrings.every(isString) &&
      (file === null || (isString(file.pathString) && isString(file.otherPathString)));
    if (!good) throw new BulkheadError('BATCH_MALFORMED', 'an index points outside its list');
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes from a container as text: UTF-8 where they are, else each byte above 0x7e and each NUL as \xNN. */
export function textFromBytes(bytes: Uint8Array | undefined): string {
  if (!bytes || bytes.byteLength === 0) return '';
  if (!bytes.includes(0)) {
    try {
      return strictUtf8.decode(bytes);
    } catch {
      // Not UTF-8: escaped below.
    }
  }
  let text = '';
  for (const byte of bytes) {
    text +=
      byte === 0 || byte > 0x7e
        ? `\\x${byte.toString(16).padStart(2, '0')}`
        : String.fromCharCode(byte);
  }
  return text;
}
