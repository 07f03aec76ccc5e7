import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import Provider from 'oidc-provider';
import { Agent, type Dispatcher, fetch } from 'undici';

/** What the provider says of somebody, by the name that they log in with, which is their subject. */
export interface Account {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
}

/** A real provider on loopback, with one client: us. */
export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accounts: Map<string, Account>;
  /** As a browser is sent there: over TLS with what to trust. */
  newBrowser(): ProviderBrowser;
  close(): Promise<void>;
}

export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** `publicUrl`: ours; each of our providers has a redirect URI of its own there. */
export async function startOidcProvider(publicUrl: string, tls?: TlsFiles): Promise<TestProvider> {
  // It says of a provider for tests that it is one.
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  const server = tls ? createTlsServer(tls) : createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const agent = new Agent({ connect: { ca: tls?.ca } });
  const accounts = new Map<string, Account>();
  const client = { clientId: 'bulkhead', clientSecret: randomBytes(24).toString('base64url') };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.clientId,
        client_secret: client.clientSecret,
        redirect_uris: [`${publicUrl}/auth/callback`],
      },
    ],
    cookies: { keys: [randomBytes(24).toString('hex')] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name'],
      groups: ['groups'],
    },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, ...accounts.get(sub) }),
    }),
    ttl: {
      AccessToken: 60,
      AuthorizationCode: 60,
      IdToken: 60,
      Interaction: 60,
      Session: 60,
      Grant: 60,
    },
  });
  warn.mockRestore();
  provider.Client.prototype.redirectUriAllowed = (uri) =>
    uri.startsWith(`${publicUrl}/auth/callback/`);
  server.on('request', provider.callback());
  return {
    issuer,
    ...client,
    accounts,
    newBrowser: () => new ProviderBrowser(agent),
    async close() {
      await agent.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Somebody's browser at the provider: keeps its cookies, and follows it until it leads elsewhere. */
export class ProviderBrowser {
  readonly #cookies = new Map<string, string>();

  constructor(private readonly dispatcher: Dispatcher) {}

  /** Logs in where it is asked to, and agrees. Resolves to the address that it is sent back to. */
  async logIn(start: string, login: string): Promise<URL> {
    return this.#walk(new URL(start), (form) => ({ ...form, login, password: 'any' }));
  }

  /** Turns away at the provider's login page. */
  async cancel(start: string): Promise<URL> {
    return this.#walk(new URL(start), undefined);
  }

  async #walk(start: URL, fill: Fill | undefined): Promise<URL> {
    let url = start;
    for (let step = 0; step < 20; step += 1) {
      const page = await this.#ask(url);
      if (page.location === undefined) {
        url = fill ? await this.#submit(url, page.body, fill) : new URL(`${url.href}/abort`);
      } else {
        url = page.location;
      }
      if (url.origin !== start.origin) return url;
    }
    throw new Error(`the provider leads nowhere: ${url.href}`);
  }

  async #submit(page: URL, body: string, fill: Fill): Promise<URL> {
    const prompt = /name="prompt" value="(\w+)"/.exec(body)?.[1] ?? '';
    const answer = await this.#ask(page, new URLSearchParams(fill({ prompt })));
    if (!answer.location) throw new Error(`the provider does not go on: ${answer.body}`);
    return answer.location;
  }

  async #ask(url: URL, form?: URLSearchParams) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      dispatcher: this.dispatcher,
      redirect: 'manual',
      headers: { cookie },
      ...(form && { method: 'POST', body: form }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value) this.#cookies.set(name, value);
      else this.#cookies.delete(name);
    }
    const location = response.headers.get('location');
    return {
      body: await response.text(),
      location: location === null ? undefined : new URL(location, url),
    };
  }
}

type Fill = (form: Record<string, string>) => Record<string, string>;
