import { printable } from '../output.js';

/** Cells of foreign text, with a title for each column. */
export interface Table {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = '   ';
/** A column is not made narrower to fit a terminal. */
const NARROWEST = 8;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Two cells of a terminal: East Asian scripts and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;

/** Lines of aligned columns; `width`: of the terminal to fit, where there is one. */
export function tableLines(table: Table, headers: boolean, width: number | undefined): string[] {
  const rows = [...(headers ? [table.titles] : []), ...table.rows].map((row) => row.map(printable));
  const widths = table.titles.map((_title, column) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[column] ?? '')), 0),
  );
  if (width !== undefined) narrow(widths, width - GAP.length * (widths.length - 1));
  return rows.map((row) =>
    row
      .map((cell, column) => padded(cut(cell, widths[column] ?? 0), widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** Takes from the widest column until all fit, or none can give. */
function narrow(widths: number[], room: number): void {
  const sum = () => widths.reduce((all, one) => all + one, 0);
  while (sum() > room) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) return;
    const column = widths.indexOf(widest);
    // No further than the next, nor than needed.
    const next = Math.max(NARROWEST, ...widths.filter((one) => one < widest));
    widths[column] = Math.max(widest - (sum() - room), Math.min(next, widest - 1));
  }
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += WIDE.test(segment) ? 2 : 1;
    if (used > width) break;
    kept += segment;
  }
  return `${kept}…`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(width - widthOf(text), 0));
}

function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}
