import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../../control-plane/cli/config.js';
import { createToken, TOKEN_KINDS } from '../../../proto/ts/wire/tokens.js';
import { Workspace } from '../../support/cli.js';

const KEY = createToken(TOKEN_KINDS.apiKey).text;
const OTHER_KEY = createToken(TOKEN_KINDS.apiKey).text;
const TENANT = { name: 'acme', caller: { name: 'ci', role: 'admin' } };

let work: Workspace;
let server: Server;
let url: string;
/** The keys that were sent. */
let sent: string[];
beforeEach(async () => {
  work = new Workspace();
  sent = [];
  server = createServer((request, response) => {
    sent.push(request.headers.authorization?.replace('Bearer ', '') ?? '');
    response.end(JSON.stringify(TENANT));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  work.remove();
  server.close();
  server.closeAllConnections();
});

const login = (...more: string[]) =>
  work.run(['login', '--server', url, '--api-key-stdin', ...more], { stdin: `${KEY}\n` });

describe('bulkhead login', () => {
  it('tries the key and keeps it, readable by its owner only', async () => {
    expect(await login('--context', 'prod')).toEqual({
      code: 0,
      out: '',
      err: 'bulkhead: you are admin of acme; the current context is prod\n',
    });
    expect(sent).toEqual([KEY]);
    const file = work.path('config/config.yaml');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(work.path('config')).mode & 0o777).toBe(0o700);
    expect(readdirSync(work.path('config'))).toEqual(['config.yaml']);
    expect(readFileSync(file, 'utf8')).toBe(
      `current: prod\ncontexts:\n  - name: prod\n    server: ${url}\n    apiKey: ${KEY}\n`,
    );
    expect((await work.run(['tenant', 'show', '-o', 'json'])).code).toBe(0);
    expect(sent).toEqual([KEY, KEY]);
  });

  it('asks at a terminal, without a word of the key', async () => {
    const { code, err } = await work.run(['login', '--server', url], { answers: [KEY] });
    expect(code).toBe(0);
    expect(err).toBe(
      `API key for ${url}: bulkhead: you are admin of acme; the current context is 127.0.0.1\n`,
    );
  });

  it('keeps nothing that is refused', async () => {
    server.removeAllListeners('request').on('request', (_request, response) => {
      response.writeHead(401);
      response.end(JSON.stringify({ code: 'UNAUTHENTICATED', detail: 'no' }));
    });
    const { code, err } = await login();
    expect({ code, err }).toEqual({
      code: 4,
      err: 'bulkhead: UNAUTHENTICATED: no\nbulkhead: next: log in with another key: bulkhead login\n',
    });
    expect(readdirSync(work.folder)).toEqual([]);
  });

  it.each([
    [['--server', 'http://example.com'], 'http shows the API key to whoever is on the way'],
    [['--server', 'ftp://example.com'], 'the server is an address as in https://'],
    [['--server', 'https://a:b@example.com'], 'the address of the server has no user'],
    [['--server', 'https://example.com', '--context', '../x'], 'a context is named with letters'],
    [['--server', 'https://example.com', '--timeout', '0'], '--timeout is seconds'],
    [[], '--server is missing'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, err } = await work.run(['login', ...args]);
    expect(code).toBe(2);
    expect(err).toContain(`bulkhead: ${message}`);
  });

  it.each([['bkh_ak_torn'], [`${KEY.slice(0, -1)}x`], [''], [`${KEY}\r\nx: y`]])(
    'sends no key that is none, and does not repeat it',
    async (stdin) => {
      const { code, err } = await work.run(['login', '--server', url, '--api-key-stdin'], {
        stdin,
      });
      expect(code).toBe(2);
      expect(err).not.toContain(KEY.slice(0, 30));
      expect(sent).toEqual([]);
    },
  );
});

describe('bulkhead context', () => {
  it('lists, uses, renames and deletes, and shows no key', async () => {
    await login('--context', 'a');
    await login('--context', 'b');
    const { out } = await work.run(['context', 'list']);
    expect(out).toBe(
      `    NAME   SERVER${' '.repeat(url.length - 3)}LOGGED IN\n    a      ${url}   yes\n*   b      ${url}   yes\n`,
    );
    expect((await work.run(['context', 'use', 'a'])).code).toBe(0);
    expect((await work.run(['context', 'show', '-o', 'name'])).out).toBe('a\n');
    expect((await work.run(['context', 'rename', 'a', 'c'])).code).toBe(0);
    expect((await work.run(['context', 'show', '-o', 'name'])).out).toBe('c\n');
    expect((await work.run(['context', 'rename', 'c', 'b'])).code).toBe(2);
    expect((await work.run(['context', 'delete', 'c'])).code).toBe(0);
    expect((await work.run(['context', 'list', '-o', 'name'])).out).toBe('b\n');
    expect((await work.run(['context', 'show'])).err).toContain('no control plane is named');
    expect((await work.run(['context', 'use', 'd'])).err).toBe(
      'bulkhead: there is no context d, did you mean b?\n',
    );
    for (const format of ['table', 'wide', 'json', 'yaml']) {
      const shown = await work.run(['context', 'list', '-o', format]);
      expect(shown.out + shown.err).not.toContain('bkh_ak_');
    }
  });

  it('makes no file where there is nothing to change', async () => {
    expect((await work.run(['context', 'use', 'a'])).code).toBe(2);
    expect((await work.run(['logout'])).code).toBe(2);
    expect(readdirSync(work.folder)).toEqual([]);
  });

  it('is logged out of', async () => {
    await login('--context', 'a');
    expect((await work.run(['logout'])).code).toBe(0);
    expect(readFileSync(work.path('config/config.yaml'), 'utf8')).not.toContain('bkh_ak_');
    const { code, err } = await work.run(['tenant', 'show']);
    expect(code).toBe(2);
    expect(err).toContain('you are logged out of a');
  });

  it('is refused where others may read the file, or it is not ours', async () => {
    await login('--context', 'a');
    const file = work.path('config/config.yaml');
    chmodSync(file, 0o640);
    const { code, err } = await work.run(['tenant', 'show']);
    expect(code).toBe(3);
    expect(err).toContain('others may read it, and it holds API keys: chmod 600');
    expect(sent.length).toBe(1);
  });

  it.each([
    ['contexts: 1'],
    [`contexts: [{name: a, server: x, apiKey: ${KEY}`],
    [`contexts: [{name: a, server: x, apikey: ${KEY}}]`],
    [`contexts: [{name: a, server: x}, {name: a, server: y}]`],
  ])('says that a file is malformed, without what is in it', async (text) => {
    mkdirSync(work.path('config'));
    chmodSync(work.write('config/config.yaml', text), 0o600);
    const { code, err } = await work.run(['context', 'list']);
    expect(code).toBe(3);
    expect(err).toBe(
      'bulkhead: config/config.yaml: it is not what "bulkhead login" writes: mend it, or remove it\n',
    );
  });
});

describe('which control plane is asked', () => {
  const show = ['tenant', 'show', '-o', 'name'];

  it('options go before the environment, that before the file', async () => {
    await login('--context', 'a');
    sent.length = 0;
    const other = { server: url, apiKey: OTHER_KEY };
    await work.run(show);
    await work.run(show, { settings: other });
    await work.run([...show, '--context', 'a'], { settings: other });
    await work.run([...show, '--server', url], { settings: { apiKey: OTHER_KEY } });
    await work.run(show, { settings: { context: 'a' } });
    expect(sent).toEqual([KEY, OTHER_KEY, KEY, OTHER_KEY, KEY]);
  });

  it('a key of a context goes to its own server only', async () => {
    await login('--context', 'a');
    sent.length = 0;
    const { code, err } = await work.run([...show, '--server', url]);
    expect(code).toBe(2);
    expect(err).toContain('set BULKHEAD_API_KEY');
    expect(sent).toEqual([]);
    const both = await work.run([...show, '--server', url, '--context', 'a']);
    expect(both.err).toContain('--context and --server exclude each other');
  });

  it('is told by the environment', () => {
    const home = { HOME: '/home/me' };
    expect(readConfig(home).contextFile).toBe('/home/me/.config/bulkhead/config.yaml');
    expect(readConfig({ ...home, XDG_CONFIG_HOME: '/x' }).contextFile).toBe(
      '/x/bulkhead/config.yaml',
    );
    expect(readConfig({ ...home, XDG_CONFIG_HOME: 'x' }).contextFile).toBe(
      '/home/me/.config/bulkhead/config.yaml',
    );
    const said = readConfig({ BULKHEAD_SERVER: 's', BULKHEAD_API_KEY: 'k', BULKHEAD_CONTEXT: '' });
    expect(said).toMatchObject({ server: 's', apiKey: 'k', context: undefined });
  });
});
