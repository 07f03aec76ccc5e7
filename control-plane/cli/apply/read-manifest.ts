import { isScalar } from 'yaml';
import type { Item } from '../../../proto/ts/policy/yaml-document.js';
import { BulkheadError } from '../../../proto/ts/wire/errors.js';
import { PRIORITY_LIMIT } from '../../domain/assignments.js';
import { LABEL_KEY, LABEL_VALUE, selectorFromText } from '../../domain/label-selector.js';
import type { Fields, SideDocument } from '../policy/side-document.js';
import {
  API_VERSION,
  type DeclaredAssignment,
  type DeclaredCluster,
  type DeclaredWebhook,
  KINDS,
  type Kind,
} from './declared.js';

/** A document that was read; of what stands elsewhere only where that is. */
export interface Manifest {
  readonly name: string;
  readonly root: Item;
  readonly spec: ManifestSpec;
}

export type ManifestSpec =
  | { readonly kind: 'Policy'; readonly file: string }
  | { readonly kind: 'Policy'; readonly inside: Item }
  | Omit<DeclaredAssignment, 'name' | 'origin'>
  | ({ readonly kind: 'Cluster' } & Pick<DeclaredCluster, 'labels'>)
  | WebhookSpec;

export interface WebhookSpec extends Pick<DeclaredWebhook, 'kind' | 'enabled' | 'secretFile'> {
  readonly url: Source;
}

/** A text that stands in the document, or comes from the environment or a file. */
export type Source =
  | { readonly text: string }
  | { readonly item: Item; readonly variable: string }
  | { readonly item: Item; readonly file: string };

const NAME = /^[^\p{C}\s]([^\p{C}]{0,251}[^\p{C}\s])?$/u;

/** undefined: refused, the document's problems say why. */
export function readManifest(document: SideDocument): Manifest | undefined {
  const { root } = document;
  const fields = document.fields(root, 'a document', ['apiVersion', 'kind', 'metadata', 'spec']);
  if (!fields) return undefined;
  const need = (key: string) => document.required(fields, key, root, 'the document');
  document.word(need('apiVersion'), [API_VERSION], 'apiVersion');
  const kind = document.word(need('kind'), KINDS, 'kind');
  const name = readName(document, need('metadata'));
  const spec = need('spec');
  if (kind === undefined || name === undefined || !spec) return undefined;
  const read = readSpec(document, kind, spec);
  return read && { name, root, spec: read };
}

function readName(document: SideDocument, metadata: Item | undefined): string | undefined {
  const fields = metadata && document.fields(metadata, 'metadata', ['name']);
  const item = fields && metadata && document.required(fields, 'name', metadata, 'metadata');
  const name = document.textOrNumber(item);
  if (!item || name === undefined || NAME.test(name)) return name;
  const message = 'a name has 1 to 253 characters that can be seen, no space at its ends';
  return document.error('POLICY_BAD_VALUE', item, message);
}

function readSpec(document: SideDocument, kind: Kind, spec: Item): ManifestSpec | undefined {
  switch (kind) {
    case 'Policy':
      return readPolicySpec(document, spec);
    case 'Cluster':
      return readClusterSpec(document, spec);
    case 'Assignment':
      return readAssignmentSpec(document, spec);
    case 'Webhook':
      return readWebhookSpec(document, spec);
  }
}

function readPolicySpec(document: SideDocument, spec: Item): ManifestSpec | undefined {
  if (document.shape(spec) !== 'map') {
    return document.error('POLICY_WRONG_TYPE', spec, 'spec is a policy, or {file: PATH}');
  }
  if (!document.has(spec, 'file')) return { kind: 'Policy', inside: spec };
  const fields = document.fields(spec, 'the spec of a policy with a file', ['file']);
  const file = document.text(fields?.get('file'));
  return file === undefined ? undefined : { kind: 'Policy', file };
}

function readClusterSpec(document: SideDocument, spec: Item): ManifestSpec | undefined {
  const fields = document.fields(spec, 'the spec of a cluster', ['labels']);
  const item = fields?.get('labels');
  const labels = document.record(item);
  for (const [key, value] of Object.entries(labels ?? {})) {
    const isLabel = new RegExp(`^${LABEL_KEY}=${LABEL_VALUE}$`).test(`${key}=${value}`);
    if (item && !isLabel) document.error('POLICY_BAD_VALUE', item, `${key}: ${value} is no label`);
  }
  return fields && { kind: 'Cluster', labels };
}

function readAssignmentSpec(document: SideDocument, spec: Item): ManifestSpec | undefined {
  const what = 'the spec of an assignment';
  const known = ['policy', 'version', 'clusters', 'mode', 'priority'];
  const fields = document.fields(spec, what, known);
  if (!fields) return undefined;
  const policy = document.textOrNumber(document.required(fields, 'policy', spec, what));
  const item = document.required(fields, 'clusters', spec, what);
  const clusters = document.text(item);
  if (item && clusters !== undefined) checkSelectorAt(document, item, clusters);
  const mode = document.word(fields.get('mode'), ['observe', 'enforce'], 'mode') ?? 'observe';
  const priority = readInteger(document, fields.get('priority'), -PRIORITY_LIMIT, PRIORITY_LIMIT);
  const version = fields.get('version');
  const isLatest = version?.node && isScalar(version.node) && version.node.value === 'latest';
  const number = isLatest ? undefined : readInteger(document, version, 1, 999_999_999);
  if (policy === undefined || clusters === undefined) return undefined;
  return { kind: 'Assignment', policy, version: number, clusters, mode, priority: priority ?? 0 };
}

function checkSelectorAt(document: SideDocument, item: Item, text: string): void {
  try {
    selectorFromText('clusters', text);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    document.error('POLICY_BAD_VALUE', item, error.message);
  }
}

function readInteger(
  document: SideDocument,
  item: Item | undefined,
  min: number,
  max: number,
): number | undefined {
  const text = document.textOrNumber(item);
  if (!item || text === undefined) return undefined;
  const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  return document.error('POLICY_BAD_VALUE', item, `this is a number from ${min} to ${max}`);
}

function readWebhookSpec(document: SideDocument, spec: Item): ManifestSpec | undefined {
  const known = ['url', 'urlFrom', 'enabled', 'secretFile'];
  const fields = document.fields(spec, 'the spec of a webhook', known);
  const url = fields && readUrl(document, fields, spec);
  if (!fields || !url) return undefined;
  const enabled = document.flag(fields.get('enabled'));
  const secretFile = document.text(fields.get('secretFile'));
  return { kind: 'Webhook', url, enabled, secretFile };
}

function readUrl(document: SideDocument, fields: Fields, spec: Item): Source | undefined {
  const from = fields.get('urlFrom');
  if (fields.has('url') === (from !== undefined)) {
    return document.error('POLICY_MISSING_KEY', spec, 'a webhook has either url or urlFrom');
  }
  if (!from) {
    const text = document.text(fields.get('url'));
    return text === undefined ? undefined : { text };
  }
  const sources = document.fields(from, 'urlFrom', ['env', 'file']);
  if (!sources) return undefined;
  const variable = document.text(sources.get('env'));
  const file = document.text(sources.get('file'));
  if ((variable === undefined) === (file === undefined)) {
    return document.error('POLICY_MISSING_KEY', from, 'urlFrom has either env or file');
  }
  if (variable !== undefined) return { item: from, variable };
  return file === undefined ? undefined : { item: from, file };
}
