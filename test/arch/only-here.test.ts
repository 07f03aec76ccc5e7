import { describe, expect, it } from '@jest/globals';
import { listSources } from '../support/sources.js';

const product = listSources().filter((file) => !file.path.startsWith('test/'));

/** "What may stand only where": the pattern, and the paths where it may. */
const ONLY_HERE: readonly { what: string; pattern: RegExp; allowed: RegExp }[] = [
  {
    what: 'SQL and the Postgres client',
    pattern: /from '(postgres|drizzle-orm)(\/[^']*)?'/,
    allowed: /^control-plane\/store\/|^drizzle\.config\.ts$/,
  },
  {
    what: 'gRPC',
    pattern: /from '@grpc\/[^']+'/,
    allowed:
      /^control-plane\/(rpc|kms)\/|^node-agent\/uplink\/|^node-agent\/containers\/cri|^proto\/ts\/wire\/protos\.ts$|^deploy\/local\/cri/,
  },
  {
    what: 'HTTP serving',
    pattern: /from '(fastify|@fastify\/[^']+)'/,
    allowed: /^control-plane\/http\//,
  },
  {
    what: 'making of metrics',
    pattern: /^import (?!type).* from 'prom-client'/m,
    allowed: /^control-plane\/metrics\//,
  },
  {
    what: 'OpenID Connect',
    pattern: /from 'openid-client'/,
    allowed: /^control-plane\/identity\//,
  },
  {
    what: 'the Elasticsearch client',
    pattern: /from '@elastic\/elasticsearch'/,
    allowed: /^control-plane\/sinks\//,
  },
  {
    what: 'the addon',
    pattern: /\.node\b['"`]|process\.dlopen/,
    allowed: /^node-agent\/native\//,
  },
  {
    what: 'process.env',
    pattern: /\bprocess\.env\b/,
    allowed: /^(control-plane|node-agent|deploy\/local|control-plane\/cli)\/config\.ts$/,
  },
  {
    what: 'process.exit',
    pattern: /\bprocess\.exit(Code)?\b/,
    allowed: /^(control-plane|control-plane\/cli|node-agent|deploy\/local)\/main\.ts$/,
  },
];

describe('only here', () => {
  it.each(ONLY_HERE)('$what', ({ pattern, allowed }) => {
    const elsewhere = product
      .filter((file) => pattern.test(file.text) && !allowed.test(file.path))
      .map((file) => file.path);
    expect(elsewhere).toEqual([]);
    // A rule that matches nothing holds nothing.
    expect(product.some((file) => pattern.test(file.text))).toBe(true);
  });
});

describe('no input or output in decisions', () => {
  const PURE = /^(control-plane\/domain|proto\/ts\/policy)\//;
  const ALLOWED = new Set(['node:crypto', 'node:zlib']);

  it.each(product.filter((file) => PURE.test(file.path)).map((file) => [file.path, file] as const))(
    '%s',
    (path, file) => {
      const allowed = path.startsWith('proto/') ? new Set<string>() : ALLOWED;
      const used = file.imports
        .filter(({ target }) => target.startsWith('node:') && !allowed.has(target))
        .map(({ line }) => line)
        .filter((line) => line !== "import { isIP } from 'node:net'");
      expect(used).toEqual([]);
    },
  );
});
