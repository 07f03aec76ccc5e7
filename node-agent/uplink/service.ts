import { isIP } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../proto/ts/gen/agent.js';
import type { AgentServiceClient } from '../../proto/ts/gen/bulkhead/v1/AgentService.js';
import { LIMITS, SERVER_NAME } from '../../proto/ts/wire/limits.js';
import { pemFromDer } from '../../proto/ts/wire/pem.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

export type { AgentServiceClient };

/** What a connection is made with. */
export interface ClientTrust {
  readonly caCertificatesDer: readonly Uint8Array[];
  /** Left out for Join, which has none yet. */
  readonly client?: { readonly certificateDer: Uint8Array; readonly privateKeyPem: string };
}

/** A client of the control plane; close() it. */
export function openClient(address: string, trust: ClientTrust): AgentServiceClient {
  const definition = loadSync('bulkhead/v1/agent.proto', PROTO_LOADER_OPTIONS);
  // The shape of what grpc-js builds is known only from the generated types.
  const types = grpc.loadPackageDefinition(definition) as ProtoGrpcType | grpc.GrpcObject;
  const { AgentService } = (types as ProtoGrpcType).bulkhead.v1;
  const roots = Buffer.from(
    trust.caCertificatesDer.map((der) => pemFromDer('CERTIFICATE', der)).join(''),
  );
  const { client } = trust;
  const credentials = client
    ? grpc.credentials.createSsl(
        roots,
        Buffer.from(client.privateKeyPem),
        Buffer.from(pemFromDer('CERTIFICATE', client.certificateDer)),
      )
    : grpc.credentials.createSsl(roots);
  return new AgentService(address, credentials, {
    ...nameOf(address),
    'grpc.max_receive_message_length': LIMITS.grpcMessageBytes,
    'grpc.max_send_message_length': LIMITS.grpcMessageBytes,
    // The control plane that does not answer is found out by this alone; each is a packet in and one out for it.
    'grpc.keepalive_time_ms': 120_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // A connection of its own: credentials change with every renewal.
    'grpc.use_local_subchannel_pool': 1,
    // The pin is checked on a direct connection: a proxy from the environment would be another way.
    'grpc.enable_http_proxy': 0,
    'grpc.initial_reconnect_backoff_ms': 500,
    'grpc.max_reconnect_backoff_ms': 10_000,
  });
}

/**
 * TLS has no server name for an IP address, and newer Node refuses one: the name that every server
 * certificate of the authority carries stands in. Only that authority is believed either way.
 */
function nameOf(address: string): { 'grpc.ssl_target_name_override'?: string } {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return isIP(host) ? { 'grpc.ssl_target_name_override': SERVER_NAME } : {};
}
