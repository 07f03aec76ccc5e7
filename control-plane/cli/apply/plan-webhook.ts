import { type FileHandle, open, rm } from 'node:fs/promises';
import type { ApiClient, Item } from '../api/client.js';
import { EXIT, Failure } from '../command.js';
import { describeFileError } from '../files.js';
import type { DeclaredWebhook } from './declared.js';
import { type Change, changesOf, type Step } from './step.js';

/** The secret of a new webhook goes to a file and nowhere else. */
export function planWebhook(
  declared: DeclaredWebhook,
  existing: Item | undefined,
  problems: string[],
): Step {
  const { kind, name, origin, url, enabled, secretFile } = declared;
  const common = { kind, name, origin, meaning: [] };
  const is = { url, ...(enabled !== undefined && { enabled }) };
  if (!existing) {
    if (secretFile === undefined) {
      const place = `${origin.file}:${origin.line}:${origin.column}`;
      problems.push(`${place}: Webhook ${name} is new: say in secretFile where its secret goes`);
    }
    return {
      ...common,
      action: 'create',
      changes: shown(
        changesOf(Object.entries(is).map(([key, to]) => [key, undefined, to])),
        declared,
      ),
      carryOut: async (client) => {
        const made = await makeWithSecret(client, { name, url }, secretFile ?? '');
        if (enabled === false) await edit(client, made, { enabled });
      },
    };
  }
  const changes = changesOf(Object.entries(is).map(([key, to]) => [key, existing[key], to]));
  return {
    ...common,
    action: changes.length > 0 ? 'update' : 'unchanged',
    changes: shown(changes, declared),
    carryOut: (client) => edit(client, existing, is),
  };
}

async function edit(client: ApiClient, { id, revision }: Item, body: Item): Promise<void> {
  const path = `/v1/webhooks/${encodeURIComponent(String(id))}`;
  await client.call({ method: 'PATCH', path, body, revision: Number(revision) });
}

/** The file is made first: a secret that has nowhere to go would be lost. @throws Failure */
async function makeWithSecret(client: ApiClient, body: Item, secretFile: string): Promise<Item> {
  const file = await openNew(secretFile);
  let made: Item | undefined;
  try {
    made = await client.call({ method: 'POST', path: '/v1/webhooks', body });
    await file.writeFile(`${String(made.secret)}\n`);
    return made;
  } finally {
    await file.close();
    if (!made) await rm(secretFile, { force: true });
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw new Failure(EXIT.file, [`${path}: ${describeFileError(error)}`]);
  }
}

/** A URL that comes from elsewhere is a secret, and so is the one before it. */
function shown(changes: readonly Change[], { urlFrom }: DeclaredWebhook): readonly Change[] {
  if (urlFrom === undefined) return changes;
  return changes.map((change) =>
    change.field === 'url'
      ? { ...change, before: change.before && '(not shown)', after: `(from ${urlFrom})` }
      : change,
  );
}
