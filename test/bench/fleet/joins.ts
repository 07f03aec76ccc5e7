import { createJoinToken } from '../../../control-plane/store/join-tokens.js';
import { pemFromDer } from '../../../proto/ts/wire/pem.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../../proto/ts/wire/tokens.js';
import { keyringOf } from '../../support/control-plane.js';
import type { Figures } from '../figures.js';
import type { FleetTenant, Place } from './place.js';
import { quantile } from './quantile.js';
import type { Swarm } from './swarm.js';

/** Single-use tokens, each by two machines at the same time: one of them must get in. */
export async function joins(
  figures: Figures,
  place: Place,
  {
    swarm,
    tenant,
    port,
    count,
  }: {
    readonly swarm: Swarm;
    readonly tenant: FleetTenant;
    readonly port: number;
    readonly count: number;
  },
): Promise<void> {
  const { tenantId, clusterIds } = tenant;
  const [clusterId = ''] = clusterIds;
  const tokens = Array.from({ length: count }, () => createToken(TOKEN_KINDS.join));
  await place.app.withTenant({ tenantId }, async (tx) => {
    for (const { id, secret } of tokens) {
      const secretSha256 = hashSecret(secret);
      await createJoinToken(tx, { id, clusterId, secretSha256, createdBy: 'bench', maxUses: 1 });
    }
  });
  const { authority } = await keyringOf(place);
  const caPem = pemFromDer('CERTIFICATE', Buffer.from(authority.certificate.rawData));
  const startedAt = performance.now();
  const outcomes = await swarm.join({ port, caPem, tokens: tokens.map(({ text }) => text) });
  const seconds = (performance.now() - startedAt) / 1000;
  const joined = outcomes.filter(({ code }) => code === 'OK');
  const refused = outcomes.filter(({ code }) => code === 'JOIN_TOKEN_USED');
  const [row] = await place.admin<{ count: number }[]>`
    select count(*)::int as count from nodes where tenant_id = ${tenantId} and name like 'joins-%'`;
  const wrong =
    Math.abs(joined.length - count) +
    Math.abs(refused.length - count) +
    Math.abs((row?.count ?? 0) - count);
  figures.note(
    `joins: ${count} single-use tokens, each tried by two machines at once, 64 at a time, each over a connection of its own: ` +
      `${joined.length} joined, ${refused.length} refused, ${row?.count} nodes`,
  );
  figures.add('joins-wrong', wrong, 'joins', { is: '<=', value: 0 });
  figures.add('joins-rate', joined.length / seconds, 'joins/s');
  figures.add(
    'joins-p99',
    quantile(
      joined.map(({ ms }) => ms),
      0.99,
    ),
    'ms',
  );
}
