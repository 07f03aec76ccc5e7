import { and, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import {
  type LabelRequirement,
  type LabelSelector,
  requirementsOf,
} from '../domain/label-selector.js';

/** What selectorMatches says, of a jsonb column of labels. */
export function labelsMatch(labels: PgColumn, selector: LabelSelector): SQL | undefined {
  return and(...requirementsOf(selector).map((requirement) => holds(labels, requirement)));
}

function holds(labels: PgColumn, { key, operator, values = [] }: LabelRequirement): SQL {
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
