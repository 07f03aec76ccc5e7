import fc from 'fast-check';
import { Document, isScalar, type Scalar, visit } from 'yaml';
import type { PolicyDocument, SectionDocument } from './reference/reference-matcher.js';

/** Rewrites of a document that keep its meaning. */

export interface Rewrite {
  readonly order: readonly number[];
  readonly scalars: 'PLAIN' | 'QUOTE_DOUBLE' | 'QUOTE_SINGLE' | 'BLOCK_LITERAL';
  readonly flow: boolean;
  readonly comments: boolean;
  readonly repeats: boolean;
  readonly defaults: boolean;
  readonly anchors: boolean;
  readonly braces: boolean;
  readonly lineEnd: '\n' | '\r\n';
}

export const rewrites: fc.Arbitrary<Rewrite> = fc.record({
  order: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
  scalars: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'),
  flow: fc.boolean(),
  comments: fc.boolean(),
  repeats: fc.boolean(),
  defaults: fc.boolean(),
  anchors: fc.boolean(),
  braces: fc.boolean(),
  lineEnd: fc.constantFrom('\n', '\r\n'),
});

const DEFAULTS = {
  process: ['fork', 'exec'],
  file: ['createExecutable', 'modifyExecutable', 'createFile', 'modifyFile', 'deleteFile'],
};
/** Conditions whose values are globs, so that two values can be written as one in braces. */
const GLOBS =
  /^(containerName|kubernetesNamespace|kubernetesPodName|targetFilePath|process(Args|Executable)|parentExecutable)$/;

export function rewritten(document: PolicyDocument, rewrite: Rewrite): string {
  const yaml = new Document(reordered(document, rewrite), {
    aliasDuplicateObjects: rewrite.anchors,
  });
  visit(yaml, {
    Scalar(key, node) {
      // Keys stay plain: a block scalar as a key needs YAML's `?`.
      if (typeof node.value === 'string' && key !== 'key') node.type = scalarType(node, rewrite);
    },
    Pair(_key, pair) {
      if (rewrite.comments && isScalar(pair.key)) pair.key.commentBefore = ' why it is so';
    },
    Collection(_key, node) {
      if (rewrite.comments) node.comment = ' the end of it';
      if (rewrite.flow && !rewrite.comments) node.flow = true;
    },
  });
  const text = yaml.toString({ lineWidth: rewrite.flow ? 0 : 60 });
  return rewrite.lineEnd === '\n' || rewrite.scalars === 'BLOCK_LITERAL'
    ? text
    : text.replaceAll('\n', rewrite.lineEnd);
}

function scalarType(node: Scalar, { scalars, flow }: Rewrite): Scalar.Type {
  const text = String(node.value);
  // Block scalars do not stand in flow collections, and cannot hold every text.
  const block = scalars === 'BLOCK_LITERAL' && !flow && /^[!-~]+$/.test(text);
  if (scalars !== 'BLOCK_LITERAL') return scalars;
  return block ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE';
}

function reordered(document: PolicyDocument, rewrite: Rewrite): object {
  const shuffle = shuffler(rewrite);
  const section = (content: SectionDocument, name: 'process' | 'file') =>
    fromEntries(
      shuffle(
        Object.entries({
          selectors: shuffle(content.selectors).map((selector) => {
            const entries = Object.entries(selector).map(([key, value]) => [
              key,
              Array.isArray(value) ? list(key, value, shuffle, rewrite) : value,
            ]);
            if (rewrite.defaults && selector.operation === undefined) {
              entries.push(['operation', shuffle(DEFAULTS[name])]);
            }
            return fromEntries(shuffle(entries));
          }),
          responses: again(shuffle(content.responses), rewrite).map((response) =>
            fromEntries(
              shuffle(Object.entries(response)).map(([key, value]) => [
                key,
                again(shuffle(value), rewrite),
              ]),
            ),
          ),
        }),
      ),
    );
  const entries = Object.entries({
    ...(document.version && { version: document.version }),
    ...(document.process && { process: section(document.process, 'process') }),
    ...(document.file && { file: section(document.file, 'file') }),
    ...((document.unknownContainer || rewrite.defaults) && {
      unknownContainer: document.unknownContainer ?? 'allow',
    }),
  });
  return fromEntries(shuffle(entries));
}

function list<Value>(
  key: string,
  values: readonly Value[],
  shuffle: <T>(list: readonly T[]) => T[],
  rewrite: Rewrite,
): unknown[] {
  const shuffled = shuffle(again(values, rewrite));
  const [first, second, ...rest] = shuffled;
  const both = [first, second].every((one) => typeof one === 'string' && !/[,{}]/.test(one));
  if (!rewrite.braces || !GLOBS.test(key) || !both) return shuffled;
  return [`{${String(first)},${String(second)}}`, ...rest];
}

function again<T>(values: readonly T[], { repeats }: Rewrite): T[] {
  return repeats ? [...values, ...values.slice(0, 1)] : [...values];
}

function shuffler({ order }: Rewrite): <T>(list: readonly T[]) => T[] {
  let taken = 0;
  return (entries) =>
    entries
      .map((entry) => {
        taken += 1;
        return { entry, at: (order[taken % order.length] ?? 0) * taken };
      })
      .sort((a, b) => a.at - b.at)
      .map(({ entry }) => entry);
}

function fromEntries(entries: readonly (readonly unknown[])[]): object {
  return Object.fromEntries(entries.map(([key, value]) => [String(key), value]));
}
