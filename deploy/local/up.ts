import { join } from 'node:path';
import type { LocalConfig } from './config.js';
import { type LocalNode, type LocalSystem, startSystem } from './system.js';

/** `npm start`: everything on this machine until the signal. Resolves to the exit code. */
export async function up(config: LocalConfig, signal: AbortSignal): Promise<number> {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const startedAt = Date.now();
  let system: LocalSystem | undefined;
  try {
    system = await startSystem(
      {
        config,
        directory: config.dataDirectory,
        httpPort: config.httpPort,
        grpcPort: config.grpcPort,
        databaseUrl: config.databaseUrl,
        agent: { BULKHEAD_BPFFS: join(config.dataDirectory, 'bpffs') },
        report: (step) => say(`starting: ${step}`),
      },
      signal,
    );
    const missing = await system.probeAgent();
    const node = missing.length === 0 ? await system.startAgent(signal) : undefined;
    say(`\nBulkhead runs, after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
    const loginLink = await system.createLoginLink();
    for (const line of describe(config, system, loginLink, node, missing)) say(`  ${line}`);
    say('Ctrl-C stops all of it.');
    const broken = await endOf(system, signal);
    if (broken) say(`${broken}: stopping the rest`);
    return broken ? 1 : 0;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    say('stopping');
    await system?.stop();
    say('stopped');
  }
}

function describe(
  config: LocalConfig,
  system: LocalSystem,
  loginLink: string,
  node: LocalNode | undefined,
  missing: readonly string[],
): string[] {
  const key = system.newApiKey && `API key  ${system.newApiKey}  (owner; shown only now)`;
  const hooks = node?.hooks.map(
    ({ hook, backend, reason }) =>
      `hook     ${hook.padEnd(8)} ${backend}${reason ? `  (${reason})` : ''}`,
  );
  return [
    `API      ${system.apiUrl}`,
    ...(key ? [key] : []),
    `login    ${loginLink}  (in a browser; once, within 15 minutes)`,
    `agents   127.0.0.1:${config.grpcPort}`,
    `data     ${config.dataDirectory} (control-plane.log, agent.log)`,
    ...(hooks ?? [
      `no agent, this machine lacks: ${missing.join('; ')}. Control plane and API work without one.`,
    ]),
  ];
}

/** undefined: the signal; else which process ended by itself. */
function endOf(system: LocalSystem, signal: AbortSignal): Promise<string | undefined> {
  const interrupted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const ends = [system.controlPlane?.ended, system.agent?.ended].filter((end) => end !== undefined);
  return Promise.race([interrupted, ...ends]);
}
