import { hasGlob } from '../../../proto/ts/policy/glob.js';
import type { TextForm } from '../../../proto/ts/policy/language.js';
import type { ContainerFacts } from '../../../proto/ts/policy/model.js';
import { readTextValue, splitImage } from '../../../proto/ts/policy/values.js';
import type { Item } from '../../../proto/ts/policy/yaml-document.js';
import type { Fields, SideDocument } from './side-document.js';

/** Facts that may be unknown of a container that is known. */
const MAY_BE_UNKNOWN = [
  'privileged',
  'clusterId',
  'clusterName',
  'podLabels',
  'workload',
  'serviceAccount',
  'nodeLabels',
] as const;
type MayBeUnknown = (typeof MAY_BE_UNKNOWN)[number];

export const FACT_KEYS = [
  'id',
  'name',
  'imageFullName',
  'imageTag',
  'imageDigest',
  'podName',
  'podNamespace',
  'podUid',
  ...MAY_BE_UNKNOWN,
  'unknown',
] as const;

/** Checked as the value of a condition would be: a slip must not look like a mismatch. */
const FORMS: Readonly<Partial<Record<(typeof FACT_KEYS)[number], TextForm>>> = {
  imageFullName: 'imageFullName',
  imageTag: 'imageTag',
  imageDigest: 'imageDigest',
  workload: 'workload',
};

/**
 * Reads what is known of a container. A fact that is left out is one that it does not have ('', no
 * labels, not privileged), unless `unknown` names it.
 */
export function readFacts(document: SideDocument, item: Item): ContainerFacts | undefined {
  const fields = document.fields(item, 'a container', FACT_KEYS);
  if (!fields) return undefined;
  const unknown = readUnknown(document, fields);
  const text = (key: (typeof FACT_KEYS)[number]): string => readFact(document, fields, key) ?? '';
  const known = <Key extends MayBeUnknown, Value>(key: Key, value: Value) =>
    unknown.has(key) ? {} : { [key]: value };
  return {
    id: text('id'),
    name: text('name'),
    imageFullName: text('imageFullName'),
    imageTag: text('imageTag'),
    imageDigest: text('imageDigest'),
    podName: text('podName'),
    podNamespace: text('podNamespace'),
    podUid: text('podUid'),
    ...known('privileged', document.flag(fields.get('privileged')) ?? false),
    ...known('clusterId', text('clusterId')),
    ...known('clusterName', text('clusterName')),
    ...known('podLabels', document.record(fields.get('podLabels')) ?? {}),
    ...known('workload', text('workload')),
    ...known('serviceAccount', text('serviceAccount')),
    ...known('nodeLabels', document.record(fields.get('nodeLabels')) ?? {}),
  };
}

/** Facts in the form in which readFacts reads them. */
export function factsToJson(facts: ContainerFacts): Record<string, unknown> {
  const given = Object.entries(facts).filter(
    ([, value]) => value !== undefined && value !== '' && value !== false && !isEmpty(value),
  );
  const unknown = MAY_BE_UNKNOWN.filter((key) => facts[key] === undefined);
  return { ...Object.fromEntries(given), ...(unknown.length > 0 && { unknown }) };
}

function readUnknown(document: SideDocument, fields: Fields): Set<MayBeUnknown> {
  const unknown = new Set<MayBeUnknown>();
  for (const item of document.list(fields.get('unknown')) ?? []) {
    const key = document.word(item, MAY_BE_UNKNOWN, 'fact to leave unknown:');
    if (key === undefined) continue;
    if (fields.has(key)) document.error('POLICY_BAD_VALUE', item, `${key} is given, not unknown`);
    unknown.add(key);
  }
  return unknown;
}

function readFact(
  document: SideDocument,
  fields: Fields,
  key: (typeof FACT_KEYS)[number],
): string | undefined {
  const item = fields.get(key);
  const text = document.text(item);
  const form = FORMS[key];
  // The brackets of an IPv6 registry are no pattern.
  if (!item || !text || !form || (form === 'imageFullName' && text.startsWith('['))) return text;
  if (hasGlob(text)) {
    return document.error('POLICY_BAD_VALUE', item, `${key} is a name, not a pattern`);
  }
  const { tag, digest } = splitImage(text);
  if (form === 'imageFullName' && (tag !== undefined || digest !== undefined)) {
    const hint = 'write imageTag and imageDigest';
    return document.error('POLICY_BAD_VALUE', item, 'imageFullName has no tag and digest', hint);
  }
  const read = readTextValue(text, form);
  if ('code' in read) {
    // What a policy could say instead is no help here.
    const hint = read.hint?.replace(/ or use \w+$/, '');
    return document.error(read.code, item, read.message, hint);
  }
  return read.values[0];
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
