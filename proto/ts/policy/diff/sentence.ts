import type { Operation, PolicySelector, SectionName } from '../model.js';
import type { BehaviourChange } from './diff.js';
import { listed, nounsOf, phraseOf, type Said, saidBy, saidOf } from './phrases.js';
import type { Aspect } from './sample.js';

const VERBS = {
  denied: { newly: 'is now denied', 'no-longer': 'is no longer denied' },
  alerted: { newly: 'now raises an alert', 'no-longer': 'no longer raises an alert' },
  logged: { newly: 'is now logged', 'no-longer': 'is no longer logged' },
} as const;

/** What a sentence needs beside the change. */
export interface About {
  /** The aspects of the example that matter. */
  readonly aspects: Iterable<Aspect>;
  /** The selectors of the first response's match, where the change is all that they select. */
  readonly whole: readonly PolicySelector[] | undefined;
}

/** One sentence, lower case, no full stop. */
export function sentenceOf(change: Omit<BehaviourChange, 'text'>, about: About): string {
  const { kind, direction, operations, section, example } = change;
  const verb = VERBS[kind][direction];
  const acts = listed(operations);
  const by = `(${change.responses.length > 1 ? 'responses' : 'response'}: ${responsesOf(change)})`;
  const said = saidOf(example, about.aspects);
  const phrase = phraseOf(said, operations);
  if (change.when === 'unknownContainer') {
    return [`in a container ${ofWhich(change, said)}`, acts, ...nonEmpty(phrase), verb, by].join(
      ' ',
    );
  }
  if (change.when === 'unreadable') {
    const known = phraseOf(readable(said), operations);
    const unreadable = `where the ${listed(nounsOf(said), 'and')} cannot be read,`;
    return [unreadable, acts, ...nonEmpty(known), verb, by].join(' ');
  }
  const selected = about.whole && selectedBy(about.whole, section, operations);
  if (selected !== undefined) return [acts, ...nonEmpty(selected), verb, by].join(' ');
  const [first] = operations;
  const such = phrase === '' ? [] : [`such as ${first ?? ''} ${phrase}`];
  return [`some ${acts} ${[verb, ...such].join(', ')}`, by].join(' ');
}

function ofWhich({ example }: Omit<BehaviourChange, 'text'>, said: Said): string {
  if (!example.facts) return 'that nothing is known of,';
  return `whose ${listed(nounsOf(said), 'and')} is not known,`;
}

function readable(said: Said): Said {
  return new Map([...said].filter(([, values]) => values !== undefined));
}

const MAX_DESCRIBED = 2;

/** undefined: it would be too long. */
function selectedBy(
  selectors: readonly PolicySelector[],
  section: SectionName,
  operations: readonly Operation[],
): string | undefined {
  const concerned = selectors.filter((one) =>
    one.operations.some((word) => operations.includes(word)),
  );
  if (concerned.length > MAX_DESCRIBED) return undefined;
  const phrases = concerned.map((one) => phraseOf(saidBy(one, section), operations));
  return phrases.includes('') ? '' : phrases.join(', or ');
}

function responsesOf({ responses }: Omit<BehaviourChange, 'text'>): string {
  const texts = responses.map(({ match, exclude }) => {
    const except = exclude.length > 0 ? `, except ${listed(exclude, 'and')}` : '';
    return listed(match, 'or') + except;
  });
  return texts.join('; ');
}

function nonEmpty(text: string): string[] {
  return text === '' ? [] : [text];
}
