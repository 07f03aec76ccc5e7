import type { UserIdRange } from './model.js';
import type { Fault } from './values.js';

/** (uid_t)-1 is no user. */
export const MAX_USER_ID = 0xffff_fffe;

/** `1000` or `1000-1999`. */
export function readUserIds(text: string): UserIdRange | Fault {
  const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first <= range.last && range.last <= MAX_USER_ID) return range;
  const message = `a user id is a number up to ${MAX_USER_ID}, or a range as 1000-1999`;
  return { code: 'POLICY_BAD_VALUE', message };
}

/** Rising, what overlaps or touches made one. */
export function normaliseUserIds(ranges: readonly UserIdRange[]): UserIdRange[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first || a.last - b.last);
  const merged: UserIdRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else merged[merged.length - 1] = { ...before, last: Math.max(before.last, range.last) };
  }
  return merged;
}
