import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Action } from '../../control-plane/cli/resources/resource.js';
import { RESOURCES } from '../../control-plane/cli/resources/resources.js';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import { getClientSecret } from '../../control-plane/store/identity-providers.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { quarantineNode } from '../../control-plane/store/node-revocations.js';
import { DRIFT_POLICY } from '../support/cli.js';
import { createTestCliApi, type TestCliApi } from '../support/cli-api.js';
import { PUBLIC_URL } from '../support/http-api.js';
import { JWKS, newCluster, redemptionOf } from '../support/store-world.js';

let cli: TestCliApi;
beforeAll(async () => {
  cli = await createTestCliApi();
});
afterAll(() => cli?.close());

const actions = Object.values(RESOURCES).flatMap((resource) =>
  resource.actions.map((action) => ({ resource, action, name: `${resource.name} ${action.name}` })),
);
const routeOf = ({ method, path }: Action) => `${method} ${path}`;

/** Routes that no entry of the table has, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'GET /livez': 'for probes',
  'GET /readyz': 'for probes',
  'GET /schemas/policy.json': 'policy schema',
  'GET /openapi.json': 'for programs',
  'GET /v1/clusters/:clusterId/join-tokens': 'join-token list --cluster',
  'GET /': 'for browsers',
  'GET /auth/login': 'for browsers',
  'GET /auth/callback/:providerId': 'for browsers',
  'GET /auth/link': 'for browsers',
  'GET /auth/link.js': 'for browsers',
  'POST /auth/link': 'for browsers',
  'GET /auth/session': 'for browsers',
  'POST /auth/logout': 'for browsers',
  'POST /v1/policies': 'policy create',
  'POST /v1/policies/validate': 'policy validate',
  'POST /v1/policies/:policyId/versions': 'policy push',
  'GET /v1/policies/:policyId/versions/:version': 'policy source',
  'GET /v1/live': 'for programs: a stream without an end',
  'GET /v1/policies/:policyId/diff': 'policy compare, which knows the language itself',
  'GET /v1/policies/:policyId/draft': 'for an editor',
  'PUT /v1/policies/:policyId/draft': 'for an editor',
  'DELETE /v1/policies/:policyId/draft': 'for an editor',
  'POST /v1/policies/:policyId/draft/publish': 'for an editor',
  'GET /v1/audit-log/export': 'audit export',
  'GET /v1/audit-log/verification': 'audit verify, without trust in the server',
};

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly enum?: readonly string[] };
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: BodySchema }>>;
  };
}
interface BodySchema {
  readonly properties: Readonly<Record<string, { readonly enum?: readonly string[] }>>;
  readonly required?: readonly string[];
}

describe('the table of resources', () => {
  it('has every route, and none that is not', () => {
    const known = actions.map(({ action }) => routeOf(action));
    expect([...new Set([...known, ...Object.keys(ELSEWHERE)])].sort()).toEqual(
      Object.keys(ROUTE_ACCESS).sort(),
    );
  });

  it.each(actions)('$name says what the route takes', async ({ action }) => {
    const { paths } = (await cli.call('GET', '/openapi.json')).json();
    const path = action.path.replaceAll(/:(\w+)/g, '{$1}');
    const operation: Operation = paths[path][action.method.toLowerCase()];
    const query = (operation.parameters ?? []).filter((one) => one.in === 'query');
    const body = operation.requestBody?.content['application/json']?.schema;
    const values = [...(action.operand ? [action.operand] : []), ...(action.options ?? [])];
    const said = values.filter(({ key }) => !action.path.includes(`:${key}`));
    const taken = new Map<string, { readonly enum?: readonly string[] }>([
      ...query.map((one) => [one.name, one.schema] as const),
      ...Object.entries(body?.properties ?? {}),
    ]);
    for (const page of ['limit', 'after']) taken.delete(page);
    const keys = said.map(({ key }) => key.split('.')[0] ?? '');
    expect([...new Set([...keys, ...Object.keys(action.body ?? {})])].sort()).toEqual(
      [...taken.keys()].sort(),
    );
    for (const { key, words } of said) {
      // null takes a value away.
      const known = taken.get(key)?.enum?.filter((word) => word !== null);
      expect([key, words]).toEqual([key, known]);
    }
    const required = said.filter(
      (one) => one === action.operand || ('required' in one && one.required),
    );
    if (!action.body) {
      expect(required.map(({ key }) => key).sort()).toEqual([...(body?.required ?? [])].sort());
    }
  });
});

describe('clusters', () => {
  it('are made, edited, found by name and shown', async () => {
    const made = await cli.run(['cluster', 'create', 'production', '--labels', 'env=prod,zone=a']);
    expect(made.err).toBe('');
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/^NAME .*LABELS .*\nproduction .* env=prod,zone=a {3}2/);
    await cli.run(['cluster', 'create', 'staging', '--labels', 'env=test']);
    const names = async (...more: string[]) =>
      (await cli.run(['cluster', 'list', '-o', 'name', ...more])).out
        .split('\n')
        .filter((name) => /^[ps]/.test(name));
    expect(await names('--labels', 'env in (prod,test)')).toEqual(['production', 'staging']);
    expect(await names('--name-prefix', 'stag')).toEqual(['staging']);
    expect(await names('--sort=-name', '--labels', 'env')).toEqual(['staging', 'production']);
    const edited = await cli.run([
      'cluster',
      'edit',
      'staging',
      '--labels',
      'env=stage',
      '-o',
      'json',
    ]);
    expect(JSON.parse(edited.out)).toMatchObject({ name: 'staging', labels: { env: 'stage' } });
    const yaml = await cli.run(['cluster', 'get', 'production', '-o', 'yaml']);
    expect(yaml.out).toMatch(/^name: production$/m);
  });

  it('are refused in words, with the next step and the request', async () => {
    const twice = await cli.run(['cluster', 'create', 'production']);
    expect({ code: twice.code, out: twice.out }).toEqual({ code: 4, out: '' });
    expect(twice.err).toMatch(
      /^bulkhead: CONFLICT: .+\nbulkhead: next: .+\nbulkhead: request \S+\n$/,
    );
    const unknown = await cli.run(['cluster', 'get', 'nowhere']);
    expect(unknown).toEqual({ code: 4, out: '', err: 'bulkhead: there is no cluster nowhere\n' });
  });

  it('cannot steer a terminal by their names', async () => {
    const { tenantId } = cli.http.ours;
    const name = 'x\u001b]0;owned\u0007\u009b2J\u202e';
    await cli.http.database.app.withTenant({ tenantId }, (tx) =>
      createCluster(tx, { name, labels: {} }),
    );
    for (const format of ['table', 'wide', 'name', 'json', 'yaml']) {
      const { out } = await cli.run(['cluster', 'list', '-o', format], {
        terminal: true,
        columns: 400,
      });
      expect(out).toContain('owned');
      expect(out).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    }
  });

  it('come page after page, up to a limit', async () => {
    for (let at = 0; at < 3; at += 1) {
      await cli.call('POST', '/v1/clusters', { body: { name: `page-${at}` } });
    }
    const some = await cli.run([
      'cluster',
      'list',
      '--name-prefix',
      'page-',
      '--limit',
      '2',
      '-o',
      'json',
    ]);
    const { items, nextCursor } = JSON.parse(some.out);
    expect(items.length).toBe(2);
    expect(typeof nextCursor).toBe('string');
    expect(some.err).toBe('bulkhead: there are more than 2: see --limit\n');
  });
});

describe('nodes', () => {
  it('are shown with the name of their cluster, and revoked when that is confirmed', async () => {
    const { clusterId, joinTokenId, secret } = await newCluster(
      cli.http.database,
      cli.http.ours.tenantId,
      2,
    );
    for (const name of ['edge-1', 'edge-2']) {
      await redeemJoinToken(cli.http.database.app, redemptionOf(joinTokenId, secret, { name }));
    }
    const { name: cluster } = (await cli.call('GET', `/v1/clusters/${clusterId}`)).json();
    const { out } = await cli.run(['node', 'list', '--cluster', cluster, '--no-headers']);
    expect(out.split('\n')[0]?.split(/ {3,}/).slice(0, 3)).toEqual(['edge-1', cluster, 'joined']);
    const nobody = await cli.run(['node', 'revoke', 'edge-1']);
    expect(nobody.code).toBe(2);
    expect(nobody.err).toContain('nobody is there to be asked: give --yes');
    const no = await cli.run(['node', 'revoke', 'edge-1'], { answers: ['n'] });
    expect(no).toEqual({
      code: 1,
      out: '',
      err: 'Revoke node edge-1? [y/N] bulkhead: nothing was done\n',
    });
    const yes = await cli.run(['node', 'revoke', 'edge-1', '-o', 'json'], { answers: ['y'] });
    expect(JSON.parse(yes.out).state).toBe('revoked');
  });
});

describe('a node in quarantine', () => {
  it('is listed and released', async () => {
    const { tenantId } = cli.http.ours;
    const { database } = cli.http;
    const { joinTokenId, secret } = await newCluster(database, tenantId);
    const redemption = redemptionOf(joinTokenId, secret, { name: 'cloned' });
    const { nodeId } = await redeemJoinToken(database.app, redemption);
    const listed = async (...more: string[]) =>
      (await cli.run(['node', 'list', '-o', 'name', '--name-prefix', 'cloned', ...more])).out;
    await database.app.withTenant({ tenantId }, (tx) => quarantineNode(tx, nodeId, 1));
    expect(await listed('--state', 'quarantined')).toBe(`${nodeId}\n`);
    const released = await cli.run(['node', 'release', 'cloned', '--yes', '-o', 'json']);
    expect(JSON.parse(released.out).state).toBe('released');
    expect(await listed('--state', 'quarantined')).toBe('');
    expect((await cli.run(['node', 'release', 'cloned', '--yes'])).err).toContain('CONFLICT');
  });
});

describe('a cluster that is deleted', () => {
  it('is gone, when that is confirmed', async () => {
    await cli.run(['cluster', 'create', 'short-lived']);
    expect((await cli.run(['cluster', 'delete', 'short-lived'], { answers: ['n'] })).code).toBe(1);
    const gone = await cli.run(['cluster', 'delete', 'short-lived', '--yes', '-o', 'json']);
    expect(JSON.parse(gone.out).archivedAt).toMatch(/^2/);
    expect((await cli.run(['cluster', 'get', 'short-lived'])).code).toBe(4);
  });
});

describe('how agents join by service account', () => {
  it('is set, shown and deleted', async () => {
    await cli.run(['cluster', 'create', 'by-account']);
    cli.work.write('jwks.json', JSON.stringify(JWKS));
    const set = await cli.run([
      ...['kubernetes-join', 'set', 'by-account', '--issuer', 'https://api.example'],
      ...['--jwks', '@jwks.json', '--namespace', 'bulkhead', '--service-account', 'agent'],
      ...['--labels', 'pool=blue', '--no-headers'],
    ]);
    expect(set.err).toBe('');
    const row = ['by-account', 'https://api.example', 'bulkhead', 'agent', 'bulkhead'];
    expect(set.out.trim().split(/ {3,}/)).toEqual(row);
    const shown = await cli.run(['kubernetes-join', 'show', 'by-account', '-o', 'json']);
    expect(JSON.parse(shown.out)).toMatchObject({ jwks: JWKS, labels: { pool: 'blue' } });
    expect(await cli.run(['kubernetes-join', 'delete', 'by-account', '--yes'])).toEqual({
      code: 0,
      out: '',
      err: 'bulkhead: kubernetes-join by-account is gone\n',
    });
    expect((await cli.run(['kubernetes-join', 'show', 'by-account'])).code).toBe(4);
  });
});

describe('join tokens', () => {
  it('are listed over all clusters by their state, and revoked with their nodes', async () => {
    const { clusterId, joinTokenId, secret } = await newCluster(
      cli.http.database,
      cli.http.ours.tenantId,
      2,
    );
    const redemption = redemptionOf(joinTokenId, secret, { name: 'let-in' });
    const { nodeId } = await redeemJoinToken(cli.http.database.app, redemption);
    const listed = async (...more: string[]) =>
      (await cli.run(['join-token', 'list', '-o', 'name', ...more])).out.trim().split('\n');
    expect(await listed('--state', 'usable')).toContain(joinTokenId);
    expect(await listed('--state', 'revoked')).not.toContain(joinTokenId);
    expect(await listed('--cluster', clusterId)).toEqual([joinTokenId]);
    const revoke = ['join-token', 'revoke', joinTokenId, '--yes', '-o', 'json'];
    expect(JSON.parse((await cli.run(revoke)).out)).not.toHaveProperty('revokedNodes');
    const nodeState = async () => (await cli.call('GET', `/v1/nodes/${nodeId}`)).json().state;
    expect(await nodeState()).toBe('joined');
    const withNodes = await cli.run([...revoke, '--revoke-nodes', 'true']);
    expect(JSON.parse(withNodes.out).revokedNodes).toBe(1);
    expect(await nodeState()).toBe('revoked');
  });

  it('are printed with the command of an agent', async () => {
    await cli.run(['cluster', 'create', 'joined']);
    const { out, err } = await cli.run([
      'join-token',
      'create',
      '--cluster',
      'joined',
      '--ttl',
      '2h',
      '--max-uses',
      '3',
    ]);
    const token = /^token: (bkh_jt_\S+)$/m.exec(out)?.[1] ?? '';
    expect(out).toContain(`BULKHEAD_JOIN_TOKEN=${token} \\\n`);
    expect(err).toBe('bulkhead: this is shown once: keep it now\n');
    const id = token.split('_')[2] ?? '';
    const { items } = JSON.parse(
      (await cli.run(['join-token', 'list', '--cluster', 'joined', '-o', 'json'])).out,
    );
    expect(items).toMatchObject([{ id, maxUses: 3 }]);
    const life = Date.parse(items[0].expiresAt) - Date.parse(items[0].createdAt);
    expect(Math.round(life / 60_000)).toBe(120);
    const revoked = await cli.run(['join-token', 'revoke', id, '--yes', '-o', 'json']);
    expect(JSON.parse(revoked.out).revokedAt).toMatch(/^2/);
  });
});

describe('policies', () => {
  it('are made of documents, get versions where they mean something else, and come back', async () => {
    cli.work.write('drift.yaml', DRIFT_POLICY);
    const made = await cli.run([
      'policy',
      'create',
      'drift',
      '--file',
      '@drift.yaml',
      '-o',
      'name',
    ]);
    expect(made).toEqual({ code: 0, out: 'drift\n', err: '' });
    const same = await cli.run(['policy', 'push', 'drift', '--file', '-'], {
      stdin: `# a comment\n${DRIFT_POLICY}`,
    });
    expect(same).toEqual({
      code: 0,
      out: '',
      err: 'bulkhead: version 1 of drift means the same: nothing was added\n',
    });
    const other = DRIFT_POLICY.replace('[writable, memory]', '[writable]');
    const pushed = await cli.run(['policy', 'push', 'drift', '-f', '-', '-o', 'json'], {
      stdin: other,
    });
    expect(JSON.parse(pushed.out).version).toBe(2);
    const versions = await cli.run(['policy', 'versions', 'drift', '-o', 'name']);
    expect(versions.out).toBe('2\n1\n');
    expect((await cli.run(['policy', 'source', 'drift'])).out).toBe(other);
    expect((await cli.run(['policy', 'source', 'drift', '--version', '1'])).out).toBe(DRIFT_POLICY);
  });

  it('that are invalid are not sent', async () => {
    const bad = await cli.run(['policy', 'create', 'bad', '--file', '-'], { stdin: 'process: 1' });
    expect(bad).toEqual({
      code: 1,
      out: '',
      err: '<stdin>:1:10: error POLICY_WRONG_TYPE: this is a number, not a mapping\n',
    });
  });
});

describe('assignments', () => {
  it('say what clusters run, by names', async () => {
    for (const [name, env] of [
      ['run-a', 'run'],
      ['run-b', 'other'],
    ] as const) {
      await cli.run(['cluster', 'create', name, '--labels', `env=${env}`]);
    }
    // Everybody's one of everything is on every cluster.
    await cli.run(['assignment', 'delete', 'assignment', '--yes']);
    await cli.run(['policy', 'create', 'assigned', '--file', '-'], { stdin: DRIFT_POLICY });
    const made = await cli.run([
      ...['assignment', 'create', 'prod', '--policy', 'assigned', '--clusters', 'env=run'],
      ...['--priority=-5', '--no-headers'],
    ]);
    expect(made.err).toBe('');
    expect(made.out.trim().split(/ {3,}/)).toEqual([
      'prod',
      'assigned',
      '1',
      'observe',
      'env=run',
      '1',
      '-5',
    ]);
    const runs = async (cluster: string) =>
      (await cli.run(['cluster', 'policies', cluster, '--no-headers'])).out.trim().split(/ {3,}/);
    expect(await runs('run-a')).toEqual(['assigned', '1', 'observe', 'prod']);
    expect(await runs('run-b')).toEqual(['']);
    await cli.run(['assignment', 'edit', 'prod', '--mode', 'enforce', '--clusters=']);
    expect(await runs('run-b')).toEqual(['assigned', '1', 'enforce', 'prod']);
    const ofCluster = ['assignment', 'list', '--cluster', 'run-a', '-o', 'name'];
    expect((await cli.run(ofCluster)).out).toBe('prod\n');
    expect((await cli.run(['policy', 'archive', 'assigned', '--yes'])).code).toBe(4);
    await cli.run(['assignment', 'delete', 'prod', '--yes']);
    expect((await cli.run(ofCluster)).out).toBe('');
    expect((await cli.run(['policy', 'archive', 'assigned', '--yes'])).code).toBe(0);
  });
});

describe('alerts', () => {
  it('are found by nothing that is no id', async () => {
    for (const text of ['..', '../webhooks', 'x']) {
      const { code, err } = await cli.run(['alert', 'get', text]);
      expect({ code, err }).toEqual({ code: 4, err: `bulkhead: there is no alert ${text}\n` });
    }
  });

  it('are acknowledged, closed and opened', async () => {
    const { alertId } = cli.http.ours;
    for (const [verb, status] of [
      ['ack', 'acknowledged'],
      ['close', 'closed'],
      ['reopen', 'open'],
    ] as const) {
      const { out } = await cli.run(['alert', verb, alertId, '-o', 'json']);
      expect(JSON.parse(out).status).toBe(status);
    }
  });
});

describe('webhooks and API keys', () => {
  it('show their secrets once', async () => {
    const hook = await cli.run(['webhook', 'create', 'chat', '--url', 'https://example.com/x']);
    expect(hook.out).toMatch(/^secret: whsec_\S+$/m);
    expect(await cli.run(['webhook', 'delete', 'chat', '--yes'])).toEqual({
      code: 0,
      out: '',
      err: 'bulkhead: webhook chat is gone\n',
    });
    const key = await cli.run(['api-key', 'create', 'ci', '--role', 'viewer', '--expires', '1d']);
    const apiKey = /^apiKey: (\S+)$/m.exec(key.out)?.[1] ?? '';
    const who = await cli.run(['tenant', 'show', '-o', 'json'], { settings: { apiKey } });
    expect(JSON.parse(who.out).caller).toMatchObject({ name: 'ci', role: 'viewer' });
    const denied = await cli.run(['webhook', 'list'], { settings: { apiKey } });
    expect(denied.code).toBe(4);
    expect(denied.err).toContain('bulkhead: PERMISSION_DENIED: ');
  });
});

describe('members', () => {
  it('are named by their addresses, and limited to clusters', async () => {
    const made = await cli.run([
      ...['member', 'create', 'ada@example.com', '--display-name', 'Ada', '--role', 'operator'],
      ...['--clusters', 'env=prod', '--no-headers'],
    ]);
    expect(made.err).toBe('');
    expect(made.out.trim().split(/ {3,}/).slice(0, 4)).toEqual([
      ...['ada@example.com', 'Ada', 'operator', 'env=prod'],
    ]);
    await cli.run(['member', 'edit', 'ada@example.com', '--disabled', 'true', '--clusters=']);
    const { out } = await cli.run(['member', 'get', 'ada@example.com', '-o', 'json']);
    expect(JSON.parse(out).clusters).toBeUndefined();
    expect(JSON.parse(out).disabledAt).toMatch(/^2/);
    const operators = [
      'member',
      'list',
      '--role',
      'operator',
      '--email-prefix',
      'ada',
      '-o',
      'name',
    ];
    expect((await cli.run(operators)).out).toBe('ada@example.com\n');
    expect((await cli.run(['member', 'delete', 'ada@example.com', '--yes'])).code).toBe(0);
    expect((await cli.run(operators)).out).toBe('');
  });
});

describe('logins', () => {
  it('are let in by a link that is shown once, and end when a session is revoked', async () => {
    await cli.run([
      ...['member', 'create', 'ida@example.com', '--display-name', 'Ida', '--role', 'viewer'],
    ]);
    const made = await cli.run(['member', 'login-link', 'ida@example.com']);
    const link = /^link: (\S+)$/m.exec(made.out)?.[1] ?? '';
    expect(made.out).toMatch(/^MEMBER +EXPIRES\nida@example\.com +/);
    expect(made.err).toBe('bulkhead: this is shown once: keep it now\n');
    const entered = await cli.http.api.inject({
      method: 'POST',
      url: '/auth/link',
      headers: { origin: PUBLIC_URL, 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ token: new URL(link).hash.slice(1) }).toString(),
    });
    expect(entered.statusCode).toBe(303);
    const list = ['session', 'list', '--member', 'ida@example.com'];
    expect((await cli.run(list)).out).toMatch(/^ID .*\n[0-9a-f]{16} +ida@example\.com +login-link/);
    const [id = ''] = (await cli.run([...list, '-o', 'name'])).out.split('\n');
    expect(await cli.run(['session', 'revoke', id, '--yes'])).toMatchObject({
      code: 0,
      err: `bulkhead: session ${id} is gone\n`,
    });
    expect((await cli.run([...list, '-o', 'name'])).out).toBe('');
  });

  it('go to identity providers, whose secrets come from files', async () => {
    cli.work.write('secret', 'hunter2, more\n');
    cli.work.write('groups.yaml', '- {group: secops, role: operator, clusters: env=prod}\n');
    const made = await cli.run([
      ...['identity-provider', 'create', 'corporate', '--issuer', 'https://login.example.com'],
      ...['--client-id', 'bulkhead', '--client-secret', '@secret', '--scopes', 'openid,groups'],
      ...['--group-roles', '@groups.yaml', '-o', 'json'],
    ]);
    expect(made.err).toBe('');
    const provider = JSON.parse(made.out);
    expect(provider).toMatchObject({
      scopes: ['openid', 'groups'],
      groupRoles: [{ group: 'secops', role: 'operator', clusters: 'env=prod' }],
      redirectUri: `${PUBLIC_URL}/auth/callback/${provider.id}`,
    });
    const sealed = await cli.http.database.app.withTenant(cli.http.ours, (tx) =>
      getClientSecret(tx, provider.id),
    );
    expect(cli.http.vault.open('identity-provider', sealed).toString()).toBe('hunter2, more');
    const edited = await cli.run([
      ...['identity-provider', 'edit', 'corporate', '--new-members', 'true', '-o', 'json'],
    ]);
    expect(JSON.parse(edited.out)).toMatchObject({ createMembers: true, revision: 2 });
    const missing = await cli.run([
      ...['identity-provider', 'edit', 'corporate', '--client-secret', 'nowhere'],
    ]);
    expect(missing.err).toContain('nowhere: no such file');
    expect((await cli.run(['identity-provider', 'get', 'corporate'])).out).toContain('corporate');
    const gone = await cli.run(['identity-provider', 'delete', 'corporate', '--yes']);
    expect(gone.err).toBe('bulkhead: identity-provider corporate is gone\n');
    expect((await cli.run(['identity-provider', 'list', '-o', 'name'])).out).not.toContain(
      'corporate',
    );
  });
});

describe('tenants of the platform', () => {
  it('are made and suspended with a platform key', async () => {
    const settings = { apiKey: await cli.http.newPlatformKey() };
    const made = await cli.run(['platform-tenant', 'create', 'initech'], { settings });
    const apiKey = /^apiKey: (\S+)$/m.exec(made.out)?.[1] ?? '';
    const who = ['tenant', 'show', '-o', 'json'];
    expect(JSON.parse((await cli.run(who, { settings: { apiKey } })).out).name).toBe('initech');
    const suspend = ['platform-tenant', 'edit', 'initech', '--suspended', 'true'];
    expect((await cli.run(suspend, { settings })).code).toBe(0);
    expect((await cli.run(who, { settings: { apiKey } })).code).toBe(4);
    expect((await cli.run(['platform-tenant', 'list'])).code).toBe(4);
  });
});

describe('settings', () => {
  it('are shown and edited, windows by a document', async () => {
    cli.work.write(
      'windows.yaml',
      '- {name: nights, weekly: {days: [mon], start: "22:00", minutes: 60}}\n',
    );
    const edited = await cli.run([
      ...['settings', 'edit', '--event-days', '9', '--delivery-days', '4'],
      ...['--freeze-windows', '@windows.yaml', '-o', 'json'],
    ]);
    expect(edited.err).toBe('');
    expect(JSON.parse(edited.out)).toMatchObject({
      retention: { eventDays: 9, deliveryDays: 4 },
      freezeWindows: [{ name: 'nights' }],
    });
    expect((await cli.run(['settings', 'show', '--no-headers'])).out).toMatch(/^9 +\d+ +4 /);
  });
});

describe('events and the audit log', () => {
  it('are listed by what they are about', async () => {
    const { eventId, nodeId } = cli.http.ours;
    const events = await cli.run([
      'event',
      'list',
      '--node',
      nodeId,
      '--since',
      '1d',
      '-o',
      'name',
    ]);
    expect(events.out).toContain(`${eventId}\n`);
    const made = await cli.run(['audit', 'list', '--action', 'cluster.create', '--limit', '1']);
    expect(made.out).toMatch(/cluster\.create/);
  });

  it('the audit log is exported as it can be verified', async () => {
    const { out } = await cli.run(['audit', 'export']);
    cli.work.write('audit.jsonl', out);
    const verified = await cli.run(['audit', 'verify', '@audit.jsonl']);
    expect(verified.out).toMatch(/^\d+ records, the chain holds\n/);
  });
});
