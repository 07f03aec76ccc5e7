import { LIMITS } from '../wire/limits.js';
import type { ProblemList } from './problem-list.js';

const LONE_SURROGATE = /\p{Surrogate}/u;
/** All but c-printable of YAML 1.2. */
const UNPRINTABLE = /[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * The text of a document, after its size and its encoding were checked.
 * undefined: refused, the problems say why.
 */
export function readText(source: string | Uint8Array, problems: ProblemList): string | undefined {
  const bytes = typeof source === 'string' ? utf8Length(source) : source.byteLength;
  if (bytes > LIMITS.policyDocumentBytes) {
    problems.error(
      'POLICY_TOO_LARGE',
      0,
      '',
      `the document has ${bytes} bytes, ${LIMITS.policyDocumentBytes} are allowed`,
    );
    return undefined;
  }
  const text = typeof source === 'string' ? source : decodeUtf8(source);
  if (text === undefined || LONE_SURROGATE.test(text)) {
    problems.error('POLICY_NOT_UTF8', 0, '', 'the document is not UTF-8');
    return undefined;
  }
  problems.addLines(text);
  const control = UNPRINTABLE.exec(text);
  if (control) {
    problems.error('POLICY_NOT_UTF8', control.index, '', 'the document holds a control character');
    return undefined;
  }
  return text;
}

export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
