import { oneOf } from '../arguments.js';
import type { Output } from '../command.js';
import { escapeUnprintable } from '../output.js';

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof FORMATS)[number];

/** @throws UsageError */
export function formatFrom(text: string | undefined): Format {
  return oneOf('--output', text, FORMATS) ?? 'table';
}

/**
 * A value as the API has it, its characters that could steer a terminal as escapes of JSON, which
 * mean the same. Line ends are the layout's own: inside of strings JSON has none.
 */
export function printJsonSafely(output: Output, value: unknown): void {
  output.write(`${escapeUnprintable(JSON.stringify(value, undefined, 2))}\n`);
}

/** The same as YAML: texts with such characters are quoted, and they escaped. */
export async function printYamlSafely(output: Output, value: unknown): Promise<void> {
  const { Document, isScalar, Scalar, visit } = await import('yaml');
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, (_key, node) => {
    if (!isScalar(node) || typeof node.value !== 'string') return;
    if (escapeUnprintable(node.value) !== node.value) node.type = Scalar.QUOTE_DOUBLE;
  });
  output.write(escapeUnprintable(document.toString({ lineWidth: 0 })));
}
