import { describe, expect, it } from '@jest/globals';
import { CONFIG_HELP, ConfigError, readConfig } from '../../../control-plane/config.js';
import { CONFIG_HELP as AGENT_HELP } from '../../../node-agent/config.js';

const NEEDED = {
  DATABASE_URL: 'postgres://bulkhead:hunter2@127.0.0.1:5432/bulkhead',
  BULKHEAD_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
};
const namesIn = (help: string) => new Set(help.match(/\b[A-Z]+_[A-Z_]+\b/g));

function problemsOf(environment: Record<string, string>, args: string[] = []): readonly string[] {
  try {
    readConfig(args, { ...NEEDED, ...environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the settings of the control plane', () => {
  it('have defaults', () => {
    expect(readConfig([], NEEDED)).toMatchObject({
      http: { host: '127.0.0.1', port: 8080 },
      grpc: { host: '127.0.0.1', port: 8443 },
      operations: { host: '127.0.0.1', port: 9464 },
      publicUrl: 'http://127.0.0.1:8080',
      drain: { delayMs: 5_000, limitMs: 15_000 },
      databaseConnections: 10,
      rates: { caller: 600, tenant: 3_000, failures: 60, eventBytes: 33_554_432 },
    });
  });

  it('are all in the help, and nothing else is', () => {
    const asked = new Set<string>();
    const environment = new Proxy<Record<string, string>>(
      { ...NEEDED, ELASTICSEARCH_URL: 'http://127.0.0.1:9200' },
      {
        get(target, name) {
          asked.add(String(name));
          return target[String(name)];
        },
      },
    );
    readConfig([], environment);
    expect([...asked].sort()).toEqual([...namesIn(CONFIG_HELP)].sort());
  });

  it('tell every problem at once, and never a secret', () => {
    const problems = problemsOf(
      {
        DATABASE_URL: 'mysql://bulkhead:hunter2@127.0.0.1/bulkhead',
        BULKHEAD_MASTER_KEY: 'aHVudGVyMg==',
        BULKHEAD_OPERATIONS_ADDRESS: 'everywhere',
        BULKHEAD_DRAIN_DELAY_MS: '10001',
        BULKHEAD_DRAIN_LIMIT_MS: '-1',
        BULKHEAD_DATABASE_CONNECTIONS: '0',
        BULKHEAD_RATE_CALLER: '0',
        BULKHEAD_MIGRATE: 'yes',
        BULKHEAD_LOG_LEVLE: 'hunter2',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
        OTEL_EXPORTER_OTLP_HEADERS: 'hunter2',
        OTEL_TRACES_SAMPLER_ARG: '2',
        BULKHEAD_TRUSTED_PROXIES: '10.0.0.0/8 10.0.0.0/33',
      },
      ['--role=edge,wroker'],
    );
    const about = problems.map((problem) => problem.split(':')[0]);
    expect(about.sort()).toEqual([
      '--role',
      'BULKHEAD_DATABASE_CONNECTIONS',
      'BULKHEAD_DRAIN_DELAY_MS',
      'BULKHEAD_DRAIN_LIMIT_MS',
      'BULKHEAD_LOG_LEVLE',
      'BULKHEAD_MASTER_KEY',
      'BULKHEAD_MIGRATE',
      'BULKHEAD_OPERATIONS_ADDRESS',
      'BULKHEAD_RATE_CALLER',
      'BULKHEAD_TRUSTED_PROXIES',
      'DATABASE_URL',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_EXPORTER_OTLP_HEADERS',
      'OTEL_TRACES_SAMPLER_ARG',
    ]);
    expect(problems.join()).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  it('want the master key from one place', () => {
    const active = Buffer.alloc(32, 1);
    const other = Buffer.alloc(32, 2);
    const text = other.toString('base64');
    expect(readConfig([], { ...NEEDED, BULKHEAD_MASTER_KEY_OTHER: text }).masterKey).toEqual({
      active,
      other,
    });
    const plugin = { BULKHEAD_KMS_SOCKET: '/run/kms.sock' };
    const withoutKey = { ...NEEDED, BULKHEAD_MASTER_KEY: '' };
    expect(readConfig([], { ...withoutKey, ...plugin }).masterKey).toEqual({
      kmsSocket: '/run/kms.sock',
      other: undefined,
    });
    const about = (environment: Record<string, string>) =>
      problemsOf(environment).map((problem) => problem.split(':')[0]);
    expect(about({ BULKHEAD_MASTER_KEY: '' })).toEqual(['BULKHEAD_MASTER_KEY']);
    expect(about(plugin)).toEqual(['BULKHEAD_KMS_SOCKET']);
    const moved = { ...plugin, BULKHEAD_MASTER_KEY: '', BULKHEAD_MASTER_KEY_OTHER: text };
    expect(about(moved)).toEqual([]);
    expect(about({ BULKHEAD_MASTER_KEY: '', BULKHEAD_KMS_SOCKET: 'kms.sock' })).toEqual([
      'BULKHEAD_KMS_SOCKET',
    ]);
    // Both are named, and the file is not there.
    expect(about({ BULKHEAD_MASTER_KEY_FILE: '/nowhere/key' })).toEqual([
      'BULKHEAD_MASTER_KEY_FILE',
      'BULKHEAD_MASTER_KEY_FILE',
    ]);
    expect(about({ BULKHEAD_MASTER_KEY_OTHER: 'c2hvcnQ=' })).toEqual(['BULKHEAD_MASTER_KEY_OTHER']);
  });

  it.each([
    ['BULKHEAD_HTTP_ADRESS', 'BULKHEAD_HTTP_ADDRESS'],
    ['BULKHEAD_DRAIN_DELAY', 'BULKHEAD_DRAIN_DELAY_MS'],
    ['BULKHEAD_ROLES', 'BULKHEAD_ROLE'],
    ['BULKHEAD_MASTERKEY', 'BULKHEAD_MASTER_KEY'],
  ])('say of %s that %s is meant', (name, meant) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([
      `${name}: there is no such setting, is ${meant} meant?`,
    ]);
  });

  it.each([
    ['https://bulkhead.example', 'https://bulkhead.example'],
    ['https://bulkhead.example:8443/', 'https://bulkhead.example:8443'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://127.0.0.7:80', 'http://127.0.0.7'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('take %s for an origin', (text, publicUrl) => {
    expect(readConfig([], { ...NEEDED, BULKHEAD_PUBLIC_URL: text })).toMatchObject({ publicUrl });
  });

  it.each([
    'http://bulkhead.example',
    'http://127.0.0.1.bulkhead.example',
    'https://bulkhead.example/console',
    'https://bulkhead.example?x',
    'https://user:password@bulkhead.example',
    'bulkhead.example',
    'javascript:alert(1)',
  ])('take %s for none', (text) => {
    expect(problemsOf({ BULKHEAD_PUBLIC_URL: text })).toEqual([
      expect.stringContaining('BULKHEAD_PUBLIC_URL: an https origin'),
    ]);
  });

  it('let names be that are those of others', () => {
    const others = [
      ...namesIn(AGENT_HELP),
      ...['BULKHEAD_SETUP', 'BULKHEAD_DATA_DIR', 'BULKHEAD_HTTP_PORT', 'BULKHEAD_GRPC_PORT'],
      // What Kubernetes makes of services named bulkhead, bulkhead-grpc and bulkhead-operations.
      ...['BULKHEAD_PORT', 'BULKHEAD_SERVICE_HOST', 'BULKHEAD_GRPC_PORT_8443_TCP_ADDR'],
      ...['BULKHEAD_OPERATIONS_PORT', 'BULKHEAD_OPERATIONS_SERVICE_PORT_HTTP'],
    ].filter((name) => !namesIn(CONFIG_HELP).has(name));
    expect(others.length).toBeGreaterThan(10);
    expect(problemsOf(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
  });
});
