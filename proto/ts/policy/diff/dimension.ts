import type { Truth } from '../facts.js';
import type { Literal } from './questions.js';
import type { Put } from './sample.js';

/** What of events and containers is looked at. */
export interface Pass {
  /** Events of which something could not be read, too. */
  readonly unreadable: boolean;
  /** Containers of which all is known, nothing is, or maybe something is not. */
  readonly facts: 'known' | 'nothing' | 'some';
}

/** An aspect's values, as far as its questions tell them apart. */
export interface Dimension {
  /** There are no others. */
  readonly complete: boolean;
  start(pass: Pass): Possible;
}

/** What an aspect can still be while a search assumes answers. Never empty. */
export interface Possible {
  /** How ordinary the most ordinary of it is; 0 is the most. */
  readonly cost: number;
  /** undefined: not possible together with what is assumed already. */
  assume(literal: Literal, truth: boolean): Possible | undefined;
  /** The only answer that is possible; undefined: both are. */
  answer(literal: Literal): Truth;
  /** Gives a sample the most ordinary of it. */
  readonly put: Put;
}

/** undefined counts as no, and for who enforces on unknown containers as yes. */
export function counts(truth: Truth, enforce: boolean): boolean {
  return truth ?? enforce;
}

/** Of events; of containers of which anything is known; of containers, maybe unknown on its own. */
export type AspectSort = 'event' | 'certain fact' | 'uncertain fact';

/** Whether a pass looks at an aspect that is known, and at one that is not. */
export function isLookedAt(
  sort: AspectSort,
  { unreadable, facts }: Pass,
): { readonly known: boolean; readonly gap: boolean } {
  if (sort === 'event') return { known: true, gap: unreadable };
  const gap = facts === 'nothing' || (facts === 'some' && sort === 'uncertain fact');
  return { known: facts !== 'nothing', gap };
}
