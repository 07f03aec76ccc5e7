import type { Io } from '../command.js';
import { type Colour, type Paint, painter, printable, printLines } from '../output.js';
import type { Change, Step } from './step.js';

const MARKS: Readonly<Record<Step['action'], { readonly mark: string; readonly colour: Colour }>> =
  {
    create: { mark: '+', colour: 'green' },
    update: { mark: '~', colour: 'yellow' },
    delete: { mark: '-', colour: 'red' },
    unchanged: { mark: '=', colour: 'bold' },
  };

/** What would be done, what is as it should be counted only. */
export function printPlan(steps: readonly Step[], io: Io): void {
  const paint = painter(io, io.stdout);
  const shown = steps.filter(({ action }) => action !== 'unchanged');
  printLines(
    io.stdout,
    shown.flatMap((step) => stepLines(step, paint)),
  );
  printLines(io.stdout, [`plan: ${countsOf(steps)}`]);
}

export function countsOf(steps: readonly Step[]): string {
  const count = (wanted: Step['action']) => steps.filter(({ action }) => action === wanted).length;
  return [
    `${count('create')} to create`,
    `${count('update')} to update`,
    `${count('delete')} to delete`,
    `${count('unchanged')} unchanged`,
  ].join(', ');
}

export function stepToJson({ action, kind, name, origin, changes, meaning }: Step): object {
  return { action, kind, name, ...origin, changes, meaning };
}

/** As a line names it: Policy drift. */
export function stepName({ kind, name }: Step): string {
  return `${kind} ${printable(name)}`;
}

function stepLines(step: Step, paint: Paint): string[] {
  const { action, origin, changes, meaning } = step;
  const { mark, colour } = MARKS[action];
  const place = origin ? `   ${printable(origin.file)}:${origin.line}` : '';
  return [
    `${paint(colour, mark)} ${stepName(step)}${place}`,
    ...changes.map((change) => `    ${changeText(change)}`),
    ...meaning.map((line) => `    ${line}`),
  ];
}

function changeText({ field, before, after }: Change): string {
  const text = (value: string | undefined) => (value === undefined ? '' : printable(value) || "''");
  if (before === undefined) return `${field}: ${text(after)}`;
  return `${field}: ${text(before)} -> ${text(after)}`;
}
