import { type FakeAround, type Run, Workspace } from './cli.js';
import { type CallOptions, createTestApi, type Injected, type TestApi } from './http-api.js';

/** The API on a port of this machine, and the command line with a key for it. */
export interface TestCliApi {
  readonly http: TestApi;
  readonly server: string;
  readonly key: string;
  readonly work: Workspace;
  run(args: readonly string[], around?: Partial<FakeAround>): Promise<Run>;
  call(method: string, url: string, more?: CallOptions): Promise<Injected>;
  close(): Promise<void>;
}

export async function createTestCliApi(): Promise<TestCliApi> {
  const http = await createTestApi();
  const server = await http.api.listen({ host: '127.0.0.1', port: 0 });
  const key = await http.newKey(http.ours.tenantId, 'owner');
  const work = new Workspace();
  return {
    http,
    server,
    key,
    work,
    run: (args, around = {}) =>
      work.run(args, { ...around, settings: { server, apiKey: key, ...around.settings } }),
    call: http.call,
    async close() {
      work.remove();
      await http.close();
    },
  };
}
