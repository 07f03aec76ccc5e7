import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { ERROR_CODES } from '../../proto/ts/wire/errors.js';
import { badValues, type Schema } from '../support/bad-input.js';
import { BODIES, createTestApi, type Injected, pathOf, type TestApi } from '../support/http-api.js';

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

const routes = Object.keys(ROUTE_ACCESS)
  .filter((key) => key.includes(' /v1/'))
  .map((key) => {
    const [method = '', route = ''] = key.split(' ');
    return { key, method, route };
  });

let http: TestApi;
let paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;

beforeAll(async () => {
  http = await createTestApi();
  paths = (await http.call('GET', '/openapi.json', { key: '' })).json().paths;
});

afterAll(() => http?.close());

function operationOf(method: string, route: string): Operation {
  const operation = paths[route.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
  if (!operation) throw new Error(`${method} ${route} is not in the document`);
  return operation;
}

function refusedWell({ statusCode, body }: Injected): boolean {
  if (statusCode < 400 || statusCode >= 500) return false;
  const { code, status } = JSON.parse(body);
  return Object.hasOwn(ERROR_CODES, code) && status === statusCode;
}

describe('what the schema of a route refuses is refused with a known code', () => {
  it.each(routes)('$key', async ({ key, method, route }) => {
    const operation = operationOf(method, route);
    const good = BODIES[key];
    const wrong: string[] = [];
    const ask = async (what: string, url: string, body: unknown, headers = {}) => {
      // As text, since what fastify's injection cannot write it would refuse by itself.
      const text = body === undefined ? undefined : JSON.stringify(body);
      const contentType = 'application/json';
      const more = text ? { body: text, contentType } : {};
      const answer = await http.call(method, url, { ...more, headers });
      if (!refusedWell(answer)) wrong.push(`${what}: ${answer.statusCode} ${answer.body}`);
    };

    const body = operation.requestBody?.content['application/json']?.schema;
    expect(body !== undefined).toBe(good !== undefined);
    for (const bad of body ? badValues(body, good) : []) {
      await ask(`the body ${bad.what}`, pathOf(route, http.ours), bad.value);
    }
    for (const { name, in: where, schema } of operation.parameters ?? []) {
      for (const { what, value } of badValues(schema, undefined)) {
        if (typeof value === 'object' || (where === 'path' && value === '')) continue;
        // In an address everything is text, and half a surrogate pair is none.
        if (schema.type === 'string' && typeof value !== 'string') continue;
        if (/\p{Surrogate}/u.test(String(value))) continue;
        const text = encodeURIComponent(String(value));
        const path = where === 'path' ? route.replace(`:${name}`, text) : route;
        const url = pathOf(path, http.ours);
        const query = where === 'query' ? `?${name}=${text}` : '';
        const headers = where === 'header' ? { [name]: String(value) } : {};
        await ask(`${where} ${name} ${what}`, url + query, good, headers);
      }
    }
    await ask('a query that nobody knows', `${pathOf(route, http.ours)}?surplus=1`, good);
    expect(wrong).toEqual([]);
  });
});
