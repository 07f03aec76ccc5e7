import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Type } from 'protobufjs';

const SERVICE = '/bulkhead.v1.AgentService/';
const PREFIX_BYTES = 5;

/** How a call ended: a code of ours where there is one, else the number of the gRPC status. */
export type CallEnd = { readonly isGood: boolean; readonly code: string };

export interface GrpcCall {
  write(message: object): void;
  /** No more from here. */
  finish(): void;
  readonly ended: Promise<CallEnd>;
}

/** One call on an HTTP/2 session: what grpc-js does with many times the memory and time. */
export function openCall(
  session: ClientHttp2Session,
  method: string,
  types: { readonly request: Type; readonly response: Type },
  onMessage: (message: { readonly [field: string]: unknown }) => void,
): GrpcCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': `${SERVICE}${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let unread: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    unread = unread.byteLength === 0 ? chunk : Buffer.concat([unread, chunk]);
    for (;;) {
      const size = unread.byteLength < PREFIX_BYTES ? undefined : unread.readUInt32BE(1);
      if (size === undefined || unread.byteLength < PREFIX_BYTES + size) return;
      const bytes = unread.subarray(PREFIX_BYTES, PREFIX_BYTES + size);
      unread = unread.subarray(PREFIX_BYTES + size);
      onMessage(types.response.toObject(types.response.decode(bytes), { longs: String }));
    }
  });
  return {
    write(message) {
      if (stream.closed || stream.destroyed) return;
      const bytes = types.request.encode(types.request.fromObject(message)).finish();
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32BE(bytes.byteLength, 1);
      stream.write(Buffer.concat([prefix, bytes]));
    },
    finish: () => stream.end(),
    ended: endOf(stream),
  };
}

function endOf(stream: ClientHttp2Stream): Promise<CallEnd> {
  return new Promise((resolve) => {
    const told = (headers: IncomingHttpHeaders) => {
      const status = headers['grpc-status'];
      if (status === undefined) return;
      const code = String(headers['bulkhead-code'] ?? status);
      resolve({ isGood: status === '0', code: status === '0' ? 'OK' : code });
    };
    // Where nothing was answered the status is in the headers themselves.
    stream.on('response', told);
    stream.on('trailers', told);
    stream.on('error', () => {});
    stream.on('close', () => resolve({ isGood: false, code: 'broken' }));
  });
}
