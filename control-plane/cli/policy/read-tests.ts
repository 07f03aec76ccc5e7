import { ACTIONS, type Action } from '../../../proto/ts/policy/model.js';
import { isAction } from '../../../proto/ts/policy/parse-response.js';
import type { Item } from '../../../proto/ts/policy/yaml-document.js';
import { MODES } from './explain.js';
import { type Act, type EventVerdict, VERDICTS } from './judge.js';
import { EVENT_KEYS, readEvent } from './read-event.js';
import { readFacts } from './read-facts.js';
import type { Fields, SideDocument } from './side-document.js';

/** What a case expects; what it leaves out may be anything. */
export interface Expectation {
  readonly verdict: EventVerdict | undefined;
  readonly actions: readonly Action[] | undefined;
  /** Names of the selectors in the match list of each response that fires. */
  readonly responses: readonly (readonly string[])[] | undefined;
}

export interface TestCase extends Act {
  readonly name: string;
  readonly line: number;
  readonly expect: Expectation;
}

const CASE_KEYS = ['name', 'event', 'container', 'mode', 'expect'];
const EXPECT_KEYS = ['actions', 'verdict', 'responses'];
const ACTION_WORDS: readonly Action[] = Object.keys(ACTIONS).filter(isAction);

/** Reads a document of cases. */
export function readTests(document: SideDocument): TestCase[] | undefined {
  const { root } = document;
  const fields = document.fields(root, 'a tests document', ['cases']);
  const cases = fields && document.required(fields, 'cases', root, 'the document');
  return document.list(cases, false)?.flatMap((item) => readCase(document, item) ?? []);
}

function readCase(document: SideDocument, item: Item): TestCase | undefined {
  const fields = document.fields(item, 'a case', CASE_KEYS);
  if (!fields) return undefined;
  const required = (key: string) => document.required(fields, key, item, 'the case');
  const name = document.text(required('name'));
  const eventItem = required('event');
  const eventFields = eventItem && document.fields(eventItem, 'an event', EVENT_KEYS);
  const event = eventItem && eventFields && readEvent(document, eventItem, eventFields);
  const containerItem = fields.get('container');
  const container = containerItem && readFacts(document, containerItem);
  const mode = document.word(fields.get('mode'), MODES, 'mode') ?? 'enforce';
  const expectItem = required('expect');
  const expect = expectItem && readExpectation(document, expectItem);
  if (name === undefined || !event || !expect) return undefined;
  return { name, line: document.lineOf(item), event, container, mode, expect };
}

function readExpectation(document: SideDocument, item: Item): Expectation | undefined {
  const fields = document.fields(item, 'an expectation', EXPECT_KEYS);
  if (!fields) return undefined;
  if (!EXPECT_KEYS.some((key) => fields.has(key))) {
    const hint = `write one of ${EXPECT_KEYS.join(', ')}`;
    return document.error('POLICY_MISSING_KEY', item, 'the case expects nothing', hint);
  }
  return {
    verdict: document.word(fields.get('verdict'), VERDICTS, 'verdict'),
    actions: readActions(document, fields),
    responses: readResponses(document, fields.get('responses')),
  };
}

function readActions(document: SideDocument, fields: Fields): Action[] | undefined {
  return document
    .list(fields.get('actions'))
    ?.flatMap((entry) => document.word(entry, ACTION_WORDS, 'action') ?? []);
}

function readResponses(document: SideDocument, item: Item | undefined): string[][] | undefined {
  return document.list(item)?.flatMap((entry) => {
    const names = document.texts(entry);
    return names ? [names] : [];
  });
}
