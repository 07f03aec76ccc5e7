import { and, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import {
  type LabelRequirement,
  type LabelSelector,
  requirementsOf,
} from '../domain/label-selector.js';

/** What selectorMatches says, of labels as jsonb. */
export function labelsMatch(labels: SQLWrapper, selector: LabelSelector): SQL | undefined {
  return and(...requirementsOf(selector).map((requirement) => holds(labels, requirement)));
}

function holds(labels: SQLWrapper, { key, operator, values = [] }: LabelRequirement): SQL {
  const value = sql`${labels} ->> ${key}`;
  const list = sql.join(
    values.map((one) => sql`${one}`),
    sql`, `,
  );
  switch (operator) {
    case 'In':
      return sql`(${value}) in (${list})`;
    case 'NotIn':
      return sql`((${value}) is null or (${value}) not in (${list}))`;
    case 'Exists':
      return sql`(${value}) is not null`;
    case 'DoesNotExist':
      return sql`(${value}) is null`;
  }
}

/**
 * The same as a predicate in jsonpath, for row security: what `labels @@ ...` is true of. It is never
 * empty, since an empty setting is no limit.
 */
export function selectorToJsonPath(selector: LabelSelector): string {
  return ['1 == 1', ...requirementsOf(selector).map(predicateOf)].join(' && ');
}

/** jsonpath takes JSON's strings. */
function predicateOf({ key, operator, values = [] }: LabelRequirement): string {
  const label = `$.${JSON.stringify(key)}`;
  const isOneOf = values.map((value) => `${label} == ${JSON.stringify(value)}`).join(' || ');
  switch (operator) {
    case 'In':
      return `(${isOneOf})`;
    case 'NotIn':
      return `!(${isOneOf})`;
    case 'Exists':
      return `exists(${label})`;
    case 'DoesNotExist':
      return `!exists(${label})`;
  }
}
