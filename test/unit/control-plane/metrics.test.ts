import { expect, it } from '@jest/globals';
import { createMetrics } from '../../../control-plane/metrics/metrics.js';
import { documentedMetrics } from '../../support/metrics-table.js';

/** prom-client's types leave out what every metric has. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

const ours = createMetrics().registry.getMetricsAsArray() as unknown as readonly Described[];

it('have the labels and the meaning that the README has', () => {
  const documented = documentedMetrics().filter(({ name }) => name.startsWith('bulkhead_'));
  expect(documented.map(({ type: _type, ...rest }) => rest)).toEqual(
    ours.map(({ name, help, labelNames }) => ({
      name,
      labels: labelNames.filter((label) => label !== 'le'),
      help,
    })),
  );
});

it('are labelled by nothing that a tenant chooses', () => {
  const known = [
    'method',
    'route',
    'status',
    'code',
    'kind',
    'loop',
    'outcome',
    'consumer',
    'limit',
    'how',
  ];
  const labels = new Set(ours.flatMap(({ labelNames }) => labelNames));
  expect([...labels].sort()).toEqual([...known, 'role', 'pool'].sort());
});

it('are counted for one process each, not in what prom-client keeps for all', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.rpc.bundlePushes.inc();
  expect(await other.registry.metrics()).toMatch(/^bulkhead_bundle_pushes_total 0$/m);
});

it('say in days when authorities run out, and nothing before that is known', async () => {
  const { keys, registry } = createMetrics();
  const sample = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await registry.metrics())?.[1]);
  expect(await sample('bulkhead_ca_expiry_days')).toBeNaN();
  const inDays = (days: number) => new Date(Date.now() + days * 24 * 60 * 60_000);
  keys.watch(() => ({ active: inDays(3650), trusted: [inDays(3650), inDays(30)] }));
  expect(await sample('bulkhead_ca_expiry_days')).toBeCloseTo(3650, 1);
  expect(await sample('bulkhead_trusted_ca_expiry_days')).toBeCloseTo(30, 1);
});
