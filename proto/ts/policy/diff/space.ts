import type { Dimension, Pass } from './dimension.js';
import { createDimension } from './dimensions.js';
import type { QuestionTable } from './questions.js';
import type { ResponseGroup } from './responses.js';
import type { Aspect } from './sample.js';
import { type Budget, type Clause, Search, type State } from './search.js';

export interface Finding {
  /** undefined: there is none, or where it is not complete none was found. */
  readonly found: { readonly pass: Pass; readonly state: State } | undefined;
  readonly complete: boolean;
}

/** Pairs of selectors that are looked at to tell whether responses meet. */
const MAX_MEETINGS = 200;

/** Events and containers, as far as some questions tell them apart. */
export class Space {
  readonly #table: QuestionTable;
  readonly #budget: Budget;
  readonly #dimensions = new Map<Aspect, Dimension>();
  readonly #searches = new Map<Pass, Search>();

  constructor(table: QuestionTable, budget: Budget) {
    this.#table = table;
    this.#budget = budget;
  }

  /** Where the group fires and none of the others, in the first of the passes that has such. */
  findOnly(
    group: ResponseGroup,
    others: readonly ResponseGroup[],
    passes: readonly Pass[],
  ): Finding {
    const clauses = [
      ...excluding(group),
      ...others.map(({ match, exclude }): Clause => ({ falsify: match, unless: exclude })),
    ];
    let complete = true;
    for (const pass of passes) {
      for (const { literals } of group.match) {
        const { state, complete: isComplete } = this.#searchOf(pass).find(literals, clauses);
        if (state) return { found: { pass, state }, complete };
        complete &&= isComplete;
      }
    }
    return { found: undefined, complete };
  }

  /** Whether the group ever fires beside one of the others; undefined: it would take too long to tell. */
  everMeets(
    group: ResponseGroup,
    others: readonly ResponseGroup[],
    pass: Pass,
  ): boolean | undefined {
    const meetings = others.flatMap((other) =>
      other.match.flatMap((theirs) =>
        group.match.map((ours) => ({
          literals: [...ours.literals, ...theirs.literals],
          clauses: [...excluding(group), ...excluding(other)],
        })),
      ),
    );
    let complete = true;
    for (const { literals, clauses } of meetings.slice(0, MAX_MEETINGS)) {
      const found = this.#searchOf(pass).find(literals, clauses);
      if (found.state) return true;
      complete &&= found.complete;
    }
    return complete && meetings.length <= MAX_MEETINGS ? false : undefined;
  }

  #searchOf(pass: Pass): Search {
    const known = this.#searches.get(pass);
    if (known) return known;
    const search = new Search((aspect) => this.#dimensionOf(aspect), pass, this.#budget);
    this.#searches.set(pass, search);
    return search;
  }

  #dimensionOf(aspect: Aspect): Dimension {
    const known = this.#dimensions.get(aspect);
    if (known) return known;
    const dimension = createDimension(aspect, this.#table.of(aspect));
    this.#dimensions.set(aspect, dimension);
    return dimension;
  }
}

function excluding({ exclude }: ResponseGroup): Clause[] {
  return exclude.map((conjunction) => ({ falsify: [conjunction], unless: [] }));
}
