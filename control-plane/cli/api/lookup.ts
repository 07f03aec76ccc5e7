import { EXIT, Failure } from '../command.js';
import type { ResourceName } from '../resources/resource.js';
import { RESOURCES } from '../resources/resources.js';
import type { ApiClient, Item, Query } from './client.js';
import { RefusedError } from './refusal.js';

/** UUIDs, and the ids of tokens and keys. */
const ID = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16})$/;
/** More are looked for in the whole list. */
const ONE_BY_ONE = 8;
const MANY = 10_000;

/**
 * The id of a thing that was named by its name or id; `within` narrows names that are unique only in
 * something. @throws Failure where no thing, or more than one, has the name
 */
export async function idOf(
  client: ApiClient,
  of: ResourceName,
  text: string,
  within: Query = {},
): Promise<string> {
  const { naming } = RESOURCES[of];
  if (ID.test(text)) return text;
  const unknown = new Failure(EXIT.refused, [`there is no ${of} ${text}`]);
  if (naming === undefined) throw unknown;
  const { list, field, prefix } = naming;
  const query = prefix ? { ...within, [prefix]: text } : within;
  const { items } = await client.list(list, query, MANY);
  const found = items.filter((item) => item[field] === text).map(({ id }) => String(id));
  const [id] = found;
  if (id === undefined) throw unknown;
  if (found.length > 1) {
    throw new Failure(EXIT.refused, [
      `${found.length} ${of}s are named ${text}: give an id, one of ${found.join(', ')}`,
    ]);
  }
  return id;
}

/** Names by ids, as far as the caller may see them. */
export async function namesOf(
  client: ApiClient,
  of: ResourceName,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { naming } = RESOURCES[of];
  if (naming === undefined || ids.length === 0) return new Map();
  const { list, field } = naming;
  const items =
    ids.length > ONE_BY_ONE
      ? (await client.list(list, {}, MANY).catch(orNothing)).items
      : await Promise.all(
          ids.map((id) => client.get(`${list}/${encodeURIComponent(id)}`).catch(orNothing)),
        );
  return new Map(
    items.flatMap((item: Item) => (item[field] ? [[String(item.id), String(item[field])]] : [])),
  );
}

/** Ids tell enough where names may not be read, or a thing is gone. */
function orNothing(error: unknown): { readonly items: readonly Item[] } {
  if (error instanceof RefusedError) return { items: [] };
  throw error;
}
