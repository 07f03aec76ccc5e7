import { fileURLToPath } from 'node:url';
import type { Options } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

/** The folder that the .proto files are imported from; the build copies it beside the compiled code. */
export const PROTO_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How every .proto of ours is loaded: bytes stay bytes, 64-bit integers are decimal strings. */
export const PROTO_LOADER_OPTIONS: Options = {
  includeDirs: [PROTO_ROOT],
  keepCase: false,
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  objects: false,
  oneofs: true,
};

/** A message type by reflection, for what travels inside a `bytes` field. Throws where there is none. */
export function loadMessageType(file: string, name: string): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => `${PROTO_ROOT}/${target}`;
  root.loadSync(file);
  return root.lookupType(name);
}
