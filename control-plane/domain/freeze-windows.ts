import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type Labels, selectorFromText, selectorMatches } from './label-selector.js';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export const WEEK_MINUTES = 7 * 24 * 60;
export const FREEZE_WINDOWS_MAX = 50;

/** A time in which what clusters run is not to be changed: once, or every week. */
export interface FreezeWindow {
  readonly name: string;
  /** As selectorFromText reads it; absent: every cluster. */
  readonly clusters?: string | undefined;
  readonly once?: { readonly from: string; readonly until: string } | undefined;
  readonly weekly?: WeeklyWindow | undefined;
}

/** By the clock on the wall of that time zone: where it is put forward, the window is an hour shorter. */
export interface WeeklyWindow {
  /** On which it begins. */
  readonly days: readonly Weekday[];
  /** HH:MM */
  readonly start: string;
  /** At most a week. */
  readonly minutes: number;
  /** IANA: Europe/Berlin; absent: UTC. */
  readonly timeZone?: string | undefined;
}

/** @throws BulkheadError INVALID_ARGUMENT where a window is none */
export function checkFreezeWindows(windows: readonly FreezeWindow[]): void {
  const names = new Set<string>();
  for (const { name, clusters = '', once, weekly } of windows) {
    const refuse = (what: string) => {
      throw new BulkheadError('INVALID_ARGUMENT', `freezeWindows: ${name}: ${what}`);
    };
    if (names.has(name)) refuse('there are two of that name');
    names.add(name);
    selectorFromText(`freezeWindows: ${name}: clusters`, clusters);
    if (Boolean(once) === Boolean(weekly)) refuse('either once or weekly');
    if (once && !(Date.parse(once.from) < Date.parse(once.until))) {
      refuse('from is not before until');
    }
    if (weekly && !isTimeZone(weekly.timeZone ?? 'UTC')) refuse('there is no such time zone');
  }
}

/** The first window that holds a cluster with these labels at this time. */
export function frozenBy(
  windows: readonly FreezeWindow[],
  labels: Labels,
  now: Date,
): FreezeWindow | undefined {
  return windows.find(
    (window) => isOpen(window, now) && selectorMatches(selectorOf(window), labels),
  );
}

function isOpen({ once, weekly }: FreezeWindow, now: Date): boolean {
  if (once) return Date.parse(once.from) <= now.getTime() && now.getTime() < Date.parse(once.until);
  return weekly !== undefined && isOpenInWeek(weekly, now);
}

function isOpenInWeek({ days, start, minutes, timeZone }: WeeklyWindow, now: Date): boolean {
  const nowMinute = minuteOfWeek(now, timeZone ?? 'UTC');
  const [hour = 0, minute = 0] = start.split(':').map(Number);
  return days.some((day) => {
    const begins = WEEKDAYS.indexOf(day) * 24 * 60 + hour * 60 + minute;
    return (nowMinute - begins + WEEK_MINUTES) % WEEK_MINUTES < minutes;
  });
}

/** From Monday 00:00, by the clock on the wall. */
function minuteOfWeek(now: Date, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  const weekday = parts.get('weekday')?.toLowerCase();
  const day = WEEKDAYS.findIndex((name) => weekday?.startsWith(name));
  return day * 24 * 60 + Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function selectorOf({ clusters = '' }: FreezeWindow) {
  return selectorFromText('clusters', clusters);
}
