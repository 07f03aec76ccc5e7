import { LIMITS } from '../wire/limits.js';
import { BOUND_SET_LIMITS, tableNeed } from './bind.js';
import { encodePolicy, normalisePolicy } from './canonical.js';
import { DOCUMENT_KEYS, nearest, SECTIONS } from './language.js';
import {
  type Policy,
  type PolicySection,
  type SectionName,
  UNKNOWN_CONTAINER,
  type UnknownContainer,
} from './model.js';
import { didYouMean, ParseContext, quoted } from './parse-context.js';
import { parseSection } from './parse-section.js';
import { ProblemList } from './problem-list.js';
import type { Problem } from './problems.js';
import { readText } from './source-text.js';
import { type MapEntry, YamlDocument } from './yaml-document.js';

export interface ParsedPolicy {
  /** In its normalised form; only where no problem is an error. */
  readonly policy?: Policy;
  /** Errors and warnings in the order of their places. */
  readonly problems: readonly Problem[];
}

/** Reads a policy document (YAML, at most 256 KiB). Never throws: what is wrong is in `problems`. */
export function parsePolicy(source: string | Uint8Array): ParsedPolicy {
  const problems = new ProblemList();
  const policy = parseDocument(source, problems);
  const list = problems.toArray();
  if (!policy || problems.hasErrors) return { problems: list };
  return { policy: normalisePolicy(policy), problems: list };
}

function parseDocument(source: string | Uint8Array, problems: ProblemList): Policy | undefined {
  const text = readText(source, problems);
  if (text === undefined) return undefined;
  const document = YamlDocument.parse(text, problems);
  if (!document) return undefined;
  const entries = document.root.node ? document.mapEntries(document.root) : [];
  if (!entries) return undefined;

  const sections: { process?: PolicySection; file?: PolicySection } = {};
  const context = new ParseContext(document, problems);
  let unknownContainer: UnknownContainer | undefined = 'allow';
  let sectionSeen = false;
  for (const entry of entries) {
    if (problems.full) break;
    switch (entry.key) {
      case 'version':
        document.stringOrNumber(entry.value);
        break;
      case 'unknownContainer':
        unknownContainer = parseUnknownContainer(context, entry);
        break;
      case 'process':
      case 'file': {
        sectionSeen = true;
        const section = parseSupportedSection(context, entry, entry.key);
        if (section) sections[entry.key] = section;
        break;
      }
      default: {
        const hint = didYouMean(nearest(entry.key, DOCUMENT_KEYS));
        const message = `a policy has no key ${quoted(entry.key)}`;
        problems.error('POLICY_UNKNOWN_KEY', entry.at, entry.path, message, hint);
      }
    }
  }
  if (!sectionSeen) {
    const hint = 'add a process section';
    problems.error('POLICY_MISSING_KEY', document.root.at, '', 'the policy has no section', hint);
  }
  if (problems.hasErrors || !unknownContainer) return undefined;
  const policy = { ...sections, unknownContainer };
  checkSize(policy, document.root.at, problems);
  return policy;
}

function parseSupportedSection(
  context: ParseContext,
  entry: MapEntry,
  name: SectionName,
): PolicySection | undefined {
  if (SECTIONS[name].supported) return parseSection(context, entry.value, name);
  const message = `the ${name} section is not supported yet`;
  context.problems.error('POLICY_UNSUPPORTED', entry.at, entry.path, message);
  return undefined;
}

function parseUnknownContainer(
  { document, problems }: ParseContext,
  { value }: MapEntry,
): UnknownContainer | undefined {
  const word = document.string(value);
  if (word === undefined) return undefined;
  if (word === 'allow' || word === 'enforce') return word;
  const near = nearest(word, Object.keys(UNKNOWN_CONTAINER));
  const hint = didYouMean(near) ?? 'write allow or enforce';
  const message = `unknownContainer is allow or enforce, not ${quoted(word)}`;
  problems.error('POLICY_UNKNOWN_VALUE', value.at, value.path, message, hint);
  return undefined;
}

/** A policy that no node could load is refused when it is written. */
function checkSize(policy: Policy, at: number, problems: ProblemList): void {
  const bytes = encodePolicy(policy).byteLength;
  if (bytes > LIMITS.policyDocumentBytes) {
    const message = `aliases expand the policy to ${bytes} bytes, ${LIMITS.policyDocumentBytes} are allowed`;
    problems.error('POLICY_ALIAS_LIMIT', at, '', message);
  }
  const need = tableNeed([{ policyId: '', version: 1, name: '', mode: 'enforce', policy }]);
  if (need.fits) return;
  const has = `it has ${BOUND_SET_LIMITS.selectors} and ${BOUND_SET_LIMITS.responses}`;
  const message = `a node's table would need ${need.selectors} selectors and ${need.responses} responses, ${has}`;
  problems.error('POLICY_TABLE_FULL', at, '', message, 'split the policy or merge responses');
}
