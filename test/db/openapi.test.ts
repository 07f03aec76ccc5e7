import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { type Document, OpenAPIClientAxios } from 'openapi-client-axios';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { BODIES, createTestApi, type TestApi } from '../support/http-api.js';
import { redemptionOf } from '../support/store-world.js';

/** The document itself, and pages of a browser. */
const HIDDEN = new Set([
  'GET /openapi.json',
  'GET /',
  'GET /auth/login',
  'GET /auth/callback/:providerId',
  'GET /auth/link',
  'GET /auth/link.js',
  'POST /auth/link',
]);

let http: TestApi;
let text: string;

beforeAll(async () => {
  http = await createTestApi();
  text = (await http.call('GET', '/openapi.json', { key: '' })).body;
});

afterAll(() => http?.close());

async function problemsOf(source: string): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: { 'operation-4xx-problem-details-rfc7807': 'error' },
  });
  const problems = await lintFromString({ source, config });
  return problems.map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

describe('the OpenAPI document', () => {
  it('passes a linter, which finds what is missing', async () => {
    expect(await problemsOf(text)).toEqual([]);
    const without = text.replace('"operationId":"listClusters",', '');
    expect(await problemsOf(without)).toEqual([expect.stringContaining('operationId')]);
  });

  it('has every route, with its permission', () => {
    const { paths } = JSON.parse(text);
    const operations = Object.entries<Record<string, { 'x-permission'?: string }>>(paths).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [
          `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
          operation['x-permission'] ?? 'anyone',
        ]),
    );
    const routes = Object.entries(ROUTE_ACCESS).filter(([route]) => !HIDDEN.has(route));
    expect(Object.fromEntries(operations)).toEqual(Object.fromEntries(routes));
  });

  it('is answered with a tag, and not again to who has it', async () => {
    const etag = String((await http.call('GET', '/openapi.json')).headers.etag);
    const url = '/openapi.json';
    const again = await http.api.inject({ url, headers: { 'if-none-match': etag } });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  it('has a page for people, which loads nothing from elsewhere', async () => {
    const page = await http.call('GET', '/docs/', { key: '' });
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const file = await http.call('GET', `/docs/${link}`, { key: '' });
      expect([link, file.statusCode]).toEqual([expect.stringMatching(/^\.\/static\//), 200]);
    }
  });
});

describe('a client that is generated from the document', () => {
  it('takes a cluster through its life', async () => {
    const baseURL = await http.api.listen({ host: '127.0.0.1', port: 0 });
    const key = await http.newKey(http.ours.tenantId, 'owner');
    const definition: Document = JSON.parse(text);
    const generator = new OpenAPIClientAxios({
      definition,
      axiosConfigDefaults: { baseURL, headers: { authorization: `Bearer ${key}` } },
    });
    const client = await generator.init();
    const call = async (operation: string, parameters?: object, body?: unknown) => {
      const ask = client[operation];
      if (!ask) throw new Error(`the client has no ${operation}`);
      return (await ask(parameters as never, body)).data;
    };

    const cluster = await call('createCluster', undefined, { name: 'whole life' });
    const clusterId = cluster.id;
    const issued = await call('createJoinToken', { clusterId }, { maxUses: 1 });
    const secret = parseToken(TOKEN_KINDS.join, issued.token)?.secret ?? '';
    const redemption = redemptionOf(issued.id, secret);
    const { nodeId } = await redeemJoinToken(http.database.app, redemption);
    expect(await call('listNodes', { clusterId })).toMatchObject({ items: [{ id: nodeId }] });

    const body = BODIES['POST /v1/policies'] as { name: string; source: string };
    const { id: policyId } = await call('createPolicy', undefined, body);
    const clusters = `bulkhead.io/cluster-id=${clusterId}`;
    const wanted = { name: 'whole life', policyId, clusters };
    const assignment = await call('createAssignment', undefined, wanted);
    expect(await call('listClusterPolicies', { clusterId })).toMatchObject({
      items: expect.arrayContaining([
        { policyId, name: body.name, version: 1, mode: 'observe', assignmentId: assignment.id },
      ]),
    });
    await call('addPolicyVersion', { policyId }, { source: `# a comment\n${body.source}` });
    const versions = await call('listPolicyVersions', { policyId });
    expect(versions.items.map(({ version }: { version: number }) => version)).toEqual([2, 1]);
    await call('deleteAssignment', { assignmentId: assignment.id });

    expect(await call('revokeNode', { nodeId })).toMatchObject({ state: 'revoked' });
    await expect(call('getCluster', { clusterId: policyId })).rejects.toMatchObject({
      response: { status: 404, data: { code: 'NOT_FOUND' } },
    });
  });
});
