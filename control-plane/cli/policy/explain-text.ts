import type { PathBytes } from '../../../proto/ts/policy/event.js';
import type {
  ExplainedCondition,
  ExplainedResponse,
  ExplainedSection,
  ExplainedSelector,
  Verdict,
} from '../../../proto/ts/policy/explain.js';
import { isFactCondition } from '../../../proto/ts/policy/facts.js';
import type { Colour, Paint } from '../output.js';
import { count, printable } from '../output.js';
import type { Act, Judge, OperationExplained } from './judge.js';

/** Values of a condition that are listed. */
const MAX_WANTED = 8;

const VERDICT_WORDS: Readonly<Record<Verdict, { readonly word: string; readonly colour: Colour }>> =
  {
    true: { word: 'yes', colour: 'green' },
    false: { word: 'no', colour: 'red' },
    unknown: { word: 'unknown', colour: 'yellow' },
    undecided: { word: 'undecided', colour: 'yellow' },
  };

/** An act as one of its operations: what comes of it, and below it why, response by response. */
export function explainLines(
  act: Act,
  explained: OperationExplained,
  judge: Judge,
  paint: Paint,
): string[] {
  return [
    ...headLines(act, explained, paint),
    ...explained.sections.flatMap((section) => sectionLines(section, explained, judge, paint)),
  ];
}

function headLines(
  { event, mode, container }: Act,
  { operation, verdict, result, sections }: OperationExplained,
  paint: Paint,
): string[] {
  const path = event.targetPath ?? event.executable;
  const colour = verdict === 'allowed' ? 'green' : verdict === 'denied' ? 'red' : 'yellow';
  const rows: (readonly [string, string])[] = [
    ['event', `${operation}${path === undefined ? '' : ` ${pathText(path)}`}`],
    ['mode', mode],
    ['verdict', paint(colour, verdict)],
    ['actions', result.actions.join(', ') || 'none'],
  ];
  if (container === undefined) rows.push(['container', 'nothing is known of it']);
  if (result.undecided.length > 0) rows.push(['undecided', result.undecided.join(', ')]);
  if (sections.length === 0) rows.push(['responses', `none is about ${operation}`]);
  return rows.map(([name, value]) => `${name.padEnd(10)} ${value}`);
}

function sectionLines(
  { policyName, section, selectors, responses }: ExplainedSection,
  { operation }: OperationExplained,
  judge: Judge,
  paint: Paint,
): string[] {
  const byName = new Map(selectors.map((selector) => [selector.name, selector]));
  const named = (names: readonly string[]) => names.flatMap((name) => byName.get(name) ?? []);
  const lines: string[] = [];
  let others = 0;
  for (const response of responses) {
    const match = named([...response.match.matching, ...response.match.others]);
    if (!match.some(isAboutOperation)) {
      others += 1;
      continue;
    }
    const place = judge.placeOf({ policyName, section, response: response.response });
    const at = place ? `${policyName}:${place.line}` : policyName;
    const exclude = named([...response.exclude.matching, ...response.exclude.others]);
    lines.push(
      '',
      `${printable(at)}: ${responseText(response, paint)}`,
      ...match.flatMap((selector) => selectorLines('match', selector, paint)),
      ...exclude.flatMap((selector) => selectorLines('exclude', selector, paint)),
    );
  }
  if (others > 0) {
    const which = `${count(others, 'response')} of its ${section} section`;
    const about = others === 1 ? 'is not' : 'are not';
    lines.push('', `${printable(policyName)}: ${which} ${about} about ${operation}`);
  }
  return lines;
}

function responseText({ fired, actions, exclude }: ExplainedResponse, paint: Paint): string {
  if (fired) return `${paint('bold', 'response fires')}: ${actions.join(', ')}`;
  const why = exclude.matching.length > 0 ? ', it is excluded' : '';
  return `response (${actions.join(', ')}) does not fire${why}`;
}

/** What makes it match, or what keeps it from it. */
function selectorLines(list: string, selector: ExplainedSelector, paint: Paint): string[] {
  const { name, matches, conditions } = selector;
  const told = isAboutOperation(selector)
    ? conditions.filter(({ verdict }) => matches || verdict !== 'true')
    : conditions.filter(({ condition }) => condition === 'operation');
  return [
    `  ${list} ${name}: ${matches ? 'matches' : 'does not match'}`,
    ...told.map((condition) => {
      const { word, colour } = VERDICT_WORDS[condition.verdict];
      return `    ${paint(colour, word.padEnd(9))} ${printable(conditionText(condition))}`;
    }),
  ];
}

function isAboutOperation({ conditions }: ExplainedSelector): boolean {
  return conditions.some(
    ({ condition, verdict }) => condition === 'operation' && verdict === 'true',
  );
}

function conditionText({ condition, wanted, actual, verdict }: ExplainedCondition): string {
  const listed = wanted.slice(0, MAX_WANTED).join(', ');
  const more = wanted.length > MAX_WANTED ? ` and ${wanted.length - MAX_WANTED} more` : '';
  return `${condition} ${isText(condition, actual, verdict)}, wanted ${listed}${more}`;
}

function isText(
  condition: ExplainedCondition['condition'],
  actual: string | undefined,
  verdict: Verdict,
): string {
  if (actual === undefined) {
    return isFactCondition(condition) ? 'is not known' : 'is not told by the event';
  }
  if (actual === '') return 'is none';
  return verdict === 'undecided' ? `cannot be decided of ${actual}` : `is ${actual}`;
}

function pathText(path: PathBytes): string {
  return printable(typeof path === 'string' ? path : new TextDecoder().decode(path));
}
