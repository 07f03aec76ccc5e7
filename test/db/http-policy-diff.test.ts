import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  type ControlPlaneProcess,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { createTestApi, NEVER_WAS } from '../support/http-api.js';

jest.setTimeout(120_000);

const POLICY = `process:
  selectors:
    - name: shells
      operation: [exec]
      processName: [sh]
  responses:
    - match: [shells]
      actions: [alert]
`;

let database: TestDatabase;
/** The compiled one: a comparison has a thread of its own. */
let replica: ControlPlaneProcess;
let key = '';
let names = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  replica = await startControlPlane(database.url, {}, ['--role=api']);
  key = await newOwnerKey(database, (await database.newTenant()).id);
}, 120_000);

afterAll(async () => {
  await replica?.destroy();
  await database?.close();
});

async function call(method: string, path: string, body?: unknown, as = key) {
  const response = await fetch(`${replica.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** With these versions. */
async function newPolicy(first: string, ...more: readonly string[]): Promise<string> {
  names += 1;
  const made = await call('POST', '/v1/policies', { name: `policy ${names}`, source: first });
  expect([made.status, made.body.problems]).toEqual([201, undefined]);
  const path = `/v1/policies/${made.body.id}`;
  for (const source of more) {
    expect((await call('POST', `${path}/versions`, { source })).status).toBe(201);
  }
  return path;
}

describe('the difference of two versions', () => {
  it('is what they do differently, with its place, and their texts', async () => {
    const second = `# more\n${POLICY.replace('[sh]', '[sh, bash]').replace('[alert]', '[alert, block]')}`;
    const path = await newPolicy(POLICY, second);
    const { status, body } = await call('GET', `${path}/diff?from=1&to=2`);
    expect([status, body.same, body.exact]).toEqual([200, false, true]);
    expect(body).toMatchObject({
      from: '1',
      to: '2',
      changes: expect.arrayContaining([
        expect.objectContaining({
          kind: 'denied',
          direction: 'newly',
          section: 'process',
          operations: ['exec'],
          text: expect.stringContaining('sh'),
          responses: [{ response: 0, match: ['shells'], exclude: [], line: 8, column: 7 }],
        }),
      ]),
      selectors: [
        { kind: 'changed', section: 'process', name: 'shells', conditions: ['processName'] },
      ],
    });
    expect(body.text).toContain(`+# more\n process:`);
    expect(body.text).toContain('-      processName: [sh]\n+      processName: [sh, bash]\n');
    const back = (await call('GET', `${path}/diff?from=2&to=1`)).body;
    expect(back.changes).toHaveLength(body.changes.length);
    for (const { direction } of back.changes) expect(direction).toBe('no-longer');
  });

  it('is none where only the text differs', async () => {
    const path = await newPolicy(POLICY, `# a comment\n${POLICY}`);
    const { body } = await call('GET', `${path}/diff?from=1&to=2`);
    expect(body).toMatchObject({ same: true, exact: true, changes: [], selectors: [] });
    expect(body.text).toContain('+# a comment\n');
    expect((await call('GET', `${path}/diff?from=2&to=2`)).body.text).toBe('');
  });

  it('may be one to the draft, which must have no errors', async () => {
    const path = await newPolicy(POLICY);
    const diff = () => call('GET', `${path}/diff?from=1&to=draft`);
    expect((await diff()).status).toBe(404);
    await call('PUT', `${path}/draft`, { source: POLICY.replace('[sh]', '[ksh]') });
    expect((await diff()).body).toMatchObject({ to: 'draft', same: false, exact: true });
    expect((await call('GET', `${path}/diff`)).body).toEqual((await diff()).body);
    await call('PUT', `${path}/draft`, { source: POLICY.replace('match', 'mach') });
    expect((await diff()).body).toMatchObject({ status: 422, code: 'POLICY_INVALID' });
  });

  it('is of a policy that is there, to whom it belongs', async () => {
    const path = await newPolicy(POLICY);
    const stranger = await newOwnerKey(database, (await database.newTenant()).id);
    const query = 'diff?from=1&to=1';
    const foreign = await call('GET', `${path}/${query}`, undefined, stranger);
    const never = await call('GET', `/v1/policies/${NEVER_WAS}/${query}`, undefined, stranger);
    expect([foreign.status, foreign.body.detail]).toEqual([404, never.body.detail]);
    expect((await call('GET', `${path}/diff?from=1&to=2`)).status).toBe(404);
    for (const wrong of ['from=', 'from=0&to=1', 'from=1&to=drafts', 'from=1&to=1&x=1']) {
      expect((await call('GET', `${path}/diff?${wrong}`)).status).toBe(400);
    }
  });
});

describe('policies that are made to take long', () => {
  /** Each list alone has more states than are looked at in a second. */
  const pattern = (at: number, seed: number): string =>
    `*${[7, 3, 11].map((by) => String.fromCharCode(97 + ((at * by + seed) % 26))).join('*')}*`;
  const numbers = Array.from({ length: 60 }, (_, at) => at);
  const hostile = (seed: number): string => `process:
  selectors:
${numbers
  .map(
    (at) => `    - name: s${at}
      operation: [exec]
      containerImageFullName: ["r/${pattern(at, seed)}"]
      containerImageTag: ["${pattern(at + 1, seed)}"]
      containerName: ["${pattern(at + 5, seed)}"]
      kubernetesNamespace: ["${pattern(at + 2, seed)}"]
      kubernetesPodName: ["${pattern(at + 3, seed)}"]
`,
  )
  .join('')}  responses:
${numbers.map((at) => `    - {match: [s${at}], actions: [alert, block]}\n`).join('')}`;

  it('are refused after a while, and all else is served meanwhile', async () => {
    const http = await createTestApi({ policyDiffLimitMs: 1_000 });
    try {
      const get = (path: string) => http.call('GET', path);
      const create = async (name: string, first: string, second: string) => {
        const made = await http.call('POST', '/v1/policies', { body: { name, source: first } });
        const path = `/v1/policies/${made.json().id}`;
        const added = await http.call('POST', `${path}/versions`, { body: { source: second } });
        expect(added.statusCode).toBe(201);
        return path;
      };
      const hard = await create('hard', hostile(1), hostile(2));
      const quick = await create('quick', POLICY, `# more\n${POLICY}`);
      let compared = 0;
      const slow = [1, 2, 3].map(async () => {
        const answer = await get(`${hard}/diff?from=1&to=2`);
        compared += 1;
        return answer.json();
      });
      // The third finds both places taken.
      const busy = 'the server is comparing other policies';
      expect(await Promise.race(slow)).toMatchObject({ status: 429, detail: busy });
      expect((await get(quick)).statusCode).toBe(200);
      expect(compared).toBe(1);
      const all = await Promise.all(slow);
      expect(all.map(({ code }) => code)).toEqual(Array(3).fill('RESOURCE_EXHAUSTED'));
      const tooLarge = 'the policies are too large to be compared here';
      expect(all.map(({ detail }) => detail).sort()).toEqual([tooLarge, tooLarge, busy]);
      // And the places are free again: on a busy machine a thread may take a while to begin.
      await eventually(async () =>
        expect((await get(`${quick}/diff?from=1&to=2`)).statusCode).toBe(200),
      );
    } finally {
      await http.close();
    }
  });
});
