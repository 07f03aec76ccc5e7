import { randomUUID } from 'node:crypto';
import { connect } from 'node:http2';
import { Slots } from '../../../control-plane/domain/slots.js';
import { createNodeKey, createRequest } from '../../../node-agent/uplink/certificates.js';
import { SERVER_NAME } from '../../../proto/ts/wire/limits.js';
import { connected, JOIN } from '../../fakes/agent.js';
import { openCall } from '../../fakes/grpc-call.js';

export interface JoinOutcome {
  /** OK, or the code of a refusal. */
  readonly code: string;
  readonly ms: number;
}

/** Machines that join at the same time. */
const AT_ONCE = 64;

/** Each token by two machines at the same time. */
export async function joinTwice({
  port,
  tokens,
  caPem,
}: {
  readonly port: number;
  readonly tokens: readonly string[];
  readonly caPem: string;
}): Promise<JoinOutcome[]> {
  const slots = new Slots(AT_ONCE);
  const csrDer = await createRequest(createNodeKey());
  const attempts = tokens.flatMap((token, at) => [
    { token, name: `joins-${at}-a` },
    { token, name: `joins-${at}-b` },
  ]);
  return Promise.all(
    attempts.map(async ({ token, name }) => {
      const leave = await slots.enter();
      const startedAt = performance.now();
      try {
        const code = await joinOnce(port, caPem, { joinToken: token, csrDer, name });
        return { code, ms: performance.now() - startedAt };
      } finally {
        leave();
      }
    }),
  );
}

async function joinOnce(
  port: number,
  caPem: string,
  { joinToken, csrDer, name }: { joinToken: string; csrDer: Buffer; name: string },
): Promise<string> {
  const session = connect(`https://127.0.0.1:${port}`, { ca: caPem, servername: SERVER_NAME });
  try {
    await connected(session);
    const call = openCall(session, 'Join', JOIN, () => {});
    const node = { name, kernelRelease: '6.1.0', architecture: 'x86_64', agentVersion: '0.1.0' };
    call.write({ joinToken, enrollmentId: randomUUID(), csrDer, node });
    call.finish();
    return (await call.ended).code;
  } finally {
    session.destroy();
  }
}
