import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../proto/ts/gen/agent.js';
import type { AgentServiceDefinition } from '../../proto/ts/gen/bulkhead/v1/AgentService.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

export function loadAgentService(): AgentServiceDefinition {
  const definition = loadSync('bulkhead/v1/agent.proto', PROTO_LOADER_OPTIONS);
  // The shape of what grpc-js builds is known only from the generated types.
  const types = grpc.loadPackageDefinition(definition) as ProtoGrpcType | grpc.GrpcObject;
  return (types as ProtoGrpcType).bulkhead.v1.AgentService.service;
}
