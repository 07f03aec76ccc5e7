import type { Outcome } from './judge.js';
import { LEGITIMATE_WORK } from './legitimate.js';
import { type Place, placeName } from './place.js';
import type { LegitimateResult, Result, TechniqueResult } from './suite.js';
import type { Act } from './technique.js';
import { TECHNIQUES } from './techniques.js';

/** What came of one place. */
export interface PlaceReport {
  readonly place: Place;
  readonly results: readonly Result[];
  /** Why it was not run to its end. */
  readonly failure: string | undefined;
}

export interface Totals {
  /** Techniques that some place has, and whose operation is carried out. */
  readonly techniques: number;
  readonly stopped: number;
  readonly missed: number;
  readonly broken: number;
  readonly absent: number;
  readonly notCarriedOut: number;
  readonly falseBlocks: number;
  /** Places that were not run to their end. */
  readonly failed: number;
}

/** The worst outcome of a technique over all places is the one that is counted. */
const WORST_FIRST: readonly Outcome[] = [
  ...(['missed', 'broken', 'killed', 'denied', 'not carried out', 'absent'] as const),
];

export function totalsOf(reports: readonly PlaceReport[]): Totals {
  const worst = TECHNIQUES.map(({ name }) => {
    const outcomes = reports.map((report) => techniqueOf(report, name)?.outcome);
    return WORST_FIRST.find((outcome) => outcomes.includes(outcome));
  });
  const count = (...of: Outcome[]) => worst.filter((one) => one && of.includes(one)).length;
  const legitimate = reports.flatMap(({ results }) => results.filter(isLegitimate));
  const stopped = count('denied', 'killed');
  const missed = count('missed');
  return {
    techniques: stopped + missed,
    stopped,
    missed,
    broken: count('broken') + legitimate.filter(({ outcome }) => outcome === 'broken').length,
    absent: count('absent'),
    notCarriedOut: count('not carried out'),
    falseBlocks: legitimate.filter(({ outcome }) => outcome === 'false block').length,
    failed: reports.filter(({ failure }) => failure !== undefined).length,
  };
}

export function isGood({ missed, broken, falseBlocks, failed }: Totals): boolean {
  return missed + broken + falseBlocks + failed === 0;
}

export function reportText(reports: readonly PlaceReport[]): string {
  const totals = totalsOf(reports);
  return [
    ...tableOf('technique', TECHNIQUES, reports),
    ...notesOf(reports, 'technique'),
    ...reports.flatMap(({ place, failure }) =>
      failure === undefined ? [] : [`${placeName(place)} was not run to its end: ${failure}`],
    ),
    '',
    ...tableOf('legitimate work', LEGITIMATE_WORK, reports),
    ...notesOf(reports, 'legitimate'),
    '',
    `not counted: absent ${totals.absent}, not carried out ${totals.notCarriedOut}`,
    ...(totals.broken > 0 ? [`broken ${totals.broken}`] : []),
    `false blocks ${totals.falseBlocks}`,
    ...reports.map((report) => lineOf(`attack, ${placeName(report.place)}`, totalsOf([report]))),
    lineOf('attack', totals),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function lineOf(head: string, { techniques, stopped, missed }: Totals): string {
  return `${head}: ${techniques} techniques, denied/killed ${stopped}, missed ${missed}`;
}

export function reportJson(reports: readonly PlaceReport[]): string {
  const places = reports.map(({ place, results, failure }) => ({
    ...{ ...place, failure },
    results: results.map((result) => ({ ...result, about: aboutOf(result) })),
  }));
  return `${JSON.stringify({ places, totals: totalsOf(reports) }, undefined, 2)}\n`;
}

function tableOf(head: string, acts: readonly Act[], reports: readonly PlaceReport[]): string[] {
  const rows = acts
    .map((act) => [act.name, ...reports.map((report) => cellOf(report, act)), act.about])
    .filter(([, ...cells]) => cells.slice(0, -1).some((cell) => cell !== ''));
  const table = [[head, ...reports.map(({ place }) => placeName(place)), 'what it does'], ...rows];
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function cellOf({ results }: PlaceReport, act: Act): string {
  const kind = TECHNIQUES.some((one) => one === act) ? 'technique' : 'legitimate';
  return results.find((one) => one.kind === kind && one.name === act.name)?.outcome ?? '';
}

/** Every note once, with the places that have it. */
function notesOf(reports: readonly PlaceReport[], kind: Result['kind']): string[] {
  const notes = new Map<string, string[]>();
  for (const { place, results } of reports) {
    for (const { name, note, outcome } of results.filter((one) => one.kind === kind)) {
      if (note === '' || outcome === 'not carried out') continue;
      const line = `${name}: ${note}`;
      notes.set(line, [...(notes.get(line) ?? []), placeName(place)]);
    }
  }
  const lines = [...notes].map(([line, places]) => `  ${line} (${places.join(', ')})`);
  return lines.length > 0 ? ['', ...lines] : [];
}

function techniqueOf({ results }: PlaceReport, name: string): TechniqueResult | undefined {
  return results.find(
    (one): one is TechniqueResult => one.kind === 'technique' && one.name === name,
  );
}

function isLegitimate(result: Result): result is LegitimateResult {
  return result.kind === 'legitimate';
}

function aboutOf({ kind, name }: Result): string | undefined {
  const acts: readonly Act[] = kind === 'technique' ? TECHNIQUES : LEGITIMATE_WORK;
  return acts.find((act) => act.name === name)?.about;
}
