import { LIMITS } from '../wire/limits.js';
import { encodeNormalised, normalisePolicy } from './canonical.js';
import { DOCUMENT_KEYS } from './language.js';
import {
  type Policy,
  SECTION_NAMES,
  type SectionName,
  UNKNOWN_CONTAINER,
  type UnknownContainer,
} from './model.js';
import { didYouMean, ParseContext, quoted } from './parse-context.js';
import { type PlacedSection, parseSection, sectionOf } from './parse-section.js';
import { type PolicyPlaces, placesOf } from './places.js';
import { ProblemList } from './problem-list.js';
import type { Problem } from './problems.js';
import { readText } from './source-text.js';
import { type MapEntry, YamlDocument } from './yaml-document.js';

export interface ParsedPolicy {
  /** In its normalised form; only where no problem is an error. */
  readonly policy?: Policy;
  /** Where its selectors and responses stand in the document; beside `policy`. */
  readonly places?: PolicyPlaces;
  /** Errors and warnings in the order of their places. */
  readonly problems: readonly Problem[];
}

/** Reads a policy document (YAML, at most 256 KiB). Never throws: what is wrong is in `problems`. */
export function parsePolicy(source: string | Uint8Array): ParsedPolicy {
  const problems = new ProblemList();
  const parsed = parseDocument(source, problems);
  if (!parsed || problems.hasErrors) return { problems: problems.toArray() };
  const policy = normalisePolicy(parsed.policy);
  if (parsed.mayGrow) checkSize(policy, problems);
  const list = problems.toArray();
  if (problems.hasErrors) return { problems: list };
  const places = placesOf(parsed.sections, (at) => problems.placeOf(at));
  return { policy, places, problems: list };
}

export type PlacedSections = { readonly [Name in SectionName]?: PlacedSection };

interface ParsedDocument {
  readonly policy: Policy;
  /** It may be larger than its document. */
  readonly mayGrow: boolean;
  readonly sections: PlacedSections;
}

function parseDocument(
  source: string | Uint8Array,
  problems: ProblemList,
): ParsedDocument | undefined {
  const text = readText(source, problems);
  if (text === undefined) return undefined;
  const document = YamlDocument.parse(text, problems);
  if (!document) return undefined;
  const entries = document.root.node ? document.mapEntries(document.root) : [];
  if (!entries) return undefined;

  const sections: { -readonly [Name in SectionName]?: PlacedSection } = {};
  const context = new ParseContext(document, problems);
  let unknownContainer: UnknownContainer | undefined = 'allow';
  for (const entry of entries) {
    if (problems.full) break;
    switch (entry.key) {
      case 'version':
        checkVersion(context, entry);
        break;
      case 'unknownContainer':
        unknownContainer = parseUnknownContainer(context, entry);
        break;
      case 'process':
      case 'file': {
        const section = parseSection(context, entry.value, entry.key);
        if (section) sections[entry.key] = section;
        break;
      }
      default: {
        const hint = didYouMean(problems.nearest(entry.key, DOCUMENT_KEYS));
        const message = `a policy has no key ${quoted(entry.key)}`;
        problems.error('POLICY_UNKNOWN_KEY', entry.at, entry.path, message, hint);
      }
    }
  }
  const names: readonly string[] = SECTION_NAMES;
  if (!problems.full && !entries.some(({ key }) => names.includes(key))) {
    const hint = 'add a process or a file section';
    problems.error('POLICY_MISSING_KEY', document.root.at, '', 'the policy has no section', hint);
  }
  if (problems.hasErrors || !unknownContainer) return undefined;
  const { process, file } = sections;
  const policy = {
    ...(process && { process: sectionOf(process) }),
    ...(file && { file: sectionOf(file) }),
    unknownContainer,
  };
  return { policy, sections, mayGrow: mayGrow(text, document, context) };
}

/** Of the document's form; there is one so far. */
function checkVersion({ document, problems }: ParseContext, { value }: MapEntry): void {
  const version = document.stringOrNumber(value);
  if (version === undefined || /^1(?:\.\d{1,9}){0,2}$/.test(version)) return;
  const message = `there is no version ${quoted(version)} of the policy language`;
  problems.error('POLICY_UNKNOWN_VALUE', value.at, value.path, message, 'write version: 1.0.0');
}

function parseUnknownContainer(
  { document, problems }: ParseContext,
  { value }: MapEntry,
): UnknownContainer | undefined {
  const word = document.string(value);
  if (word === undefined) return undefined;
  if (word === 'allow' || word === 'enforce') return word;
  const near = problems.nearest(word, Object.keys(UNKNOWN_CONTAINER));
  const hint = didYouMean(near) ?? 'write allow or enforce';
  const message = `unknownContainer is allow or enforce, not ${quoted(word)}`;
  problems.error('POLICY_UNKNOWN_VALUE', value.at, value.path, message, hint);
  return undefined;
}

/** What at most 4096 values and 2046 selectors can mean beyond what is written: a registry, operations. */
const MEANT_BYTES = 80 * 1024;

/** Aliases and braces make much of a small document; else no byte becomes more than an escape and itself. */
function mayGrow(text: string, { hasAliases }: YamlDocument, { expandedLength }: ParseContext) {
  const most = 2 * (text.length + expandedLength) + MEANT_BYTES;
  return hasAliases || most > LIMITS.policyDocumentBytes;
}

function checkSize(policy: Policy, problems: ProblemList): void {
  const bytes = encodeNormalised(policy).byteLength;
  if (bytes <= LIMITS.policyDocumentBytes) return;
  const message = `aliases and braces expand the policy to ${bytes} bytes, ${LIMITS.policyDocumentBytes} are allowed`;
  problems.error('POLICY_ALIAS_LIMIT', 0, '', message);
}
