import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const STANDARD = { eventDays: 30, closedAlertDays: 365, deliveryDays: 30 };
const WINDOW = {
  name: 'holidays',
  once: { from: '2026-12-20T00:00:00Z', until: '2027-01-04T00:00:00Z' },
};
const read = (key?: string) => http.call('GET', '/v1/settings', key === undefined ? {} : { key });
const change = (body: unknown, headers = {}) =>
  http.call('PATCH', '/v1/settings', { body, headers });

describe('settings', () => {
  it('are the standard ones until somebody sets them', async () => {
    const answer = await read();
    expect(answer.json()).toEqual({ retention: STANDARD, freezeWindows: [], revision: 0 });
    expect(answer.headers.etag).toBe('"0"');
  });

  it('change as far as they are named, and only of the tenant whose they are', async () => {
    const days = await change({ retention: { eventDays: 7 } }, { 'if-match': '"0"' });
    const retention = { ...STANDARD, eventDays: 7 };
    expect(days.json()).toEqual({ retention, freezeWindows: [], revision: 1 });
    const frozen = await change({ freezeWindows: [WINDOW] });
    expect(frozen.json()).toEqual({ retention, freezeWindows: [WINDOW], revision: 2 });
    expect((await read()).json()).toEqual(frozen.json());
    const theirs = await http.newKey(http.theirs.tenantId, 'viewer');
    expect((await read(theirs)).json()).toMatchObject({ retention: STANDARD, revision: 0 });
  });

  it('are not changed by an edit that has not seen the last one', async () => {
    const late = await change({ retention: { eventDays: 9 } }, { 'if-match': '"0"' });
    expect([late.statusCode, late.json().code]).toEqual([412, 'PRECONDITION_FAILED']);
    expect((await read()).json().retention.eventDays).toBe(7);
  });

  it.each([
    { retention: { eventDays: 0 } },
    { retention: { eventDays: 366 } },
    { retention: { auditDays: 1 } },
    { freezeWindows: [{ ...WINDOW, weekly: { days: ['fri'], start: '18:00', minutes: 1 } }] },
    { freezeWindows: [{ name: 'a', weekly: { days: [], start: '18:00', minutes: 1 } }] },
    { freezeWindows: [{ name: 'a', weekly: { days: ['fri'], start: '24:00', minutes: 1 } }] },
    { freezeWindows: [WINDOW, WINDOW] },
    { freezeWindows: [{ ...WINDOW, clusters: '=prod' }] },
  ])('are refused: %j', async (body) => {
    const answer = await change(body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('count every one of two edits at the same moment', async () => {
    const before = (await read()).json().revision;
    await Promise.all([
      change({ retention: { eventDays: 8 } }),
      change({ retention: { deliveryDays: 8 } }),
    ]);
    expect((await read()).json()).toMatchObject({
      retention: { eventDays: 8, deliveryDays: 8 },
      revision: before + 2,
    });
  });
});

describe('a webhook', () => {
  it('is edited, and says when it was edited meanwhile', async () => {
    const url = `/v1/webhooks/${http.ours.webhookId}`;
    const was = await http.call('GET', url);
    const before: Record<string, unknown> = was.json();
    expect(was.headers.etag).toBe('"1"');
    const body = { name: 'pager', url: 'https://example.com/pager', enabled: false };
    const headers = { 'if-match': '"1"' };
    const changed = await http.call('PATCH', url, { body, headers });
    expect(changed.json()).toEqual({ ...before, ...body, revision: 2 });
    expect(changed.body).not.toContain('secret');
    expect((await http.call('PATCH', url, { body, headers })).statusCode).toBe(412);
    const bad = await http.call('PATCH', url, { body: { url: 'https://user:word@example.com' } });
    expect(bad.statusCode).toBe(400);
    expect((await http.call('GET', url)).json()).toEqual(changed.json());
  });
});
