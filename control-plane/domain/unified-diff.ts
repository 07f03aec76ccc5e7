const CONTEXT = 3;
/** Edits looked for; texts that differ in more are told apart as a whole. */
const MAX_EDITS = 1000;

type Edit = { readonly kind: ' ' | '-' | '+'; readonly line: string };

/** The difference of two texts in the unified format; '' where there is none. */
export function unifiedDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  const edits = editScript(linesOf(before), linesOf(after));
  const hunks = hunksOf(edits).map(([from, to]) => hunkText(edits, from, to));
  return `--- ${file}\n+++ ${file}\n${hunks.join('')}`;
}

/** With their line ends: a last line without one differs from one with it. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function editScript(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end++;
  const keep = (lines: readonly string[]) => lines.map((line): Edit => ({ kind: ' ', line }));
  return [
    ...keep(before.slice(0, start)),
    ...myers(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...keep(before.slice(before.length - end)),
  ];
}

/** E. Myers, An O(ND) Difference Algorithm and Its Variations (1986), the greedy form. */
function myers(before: readonly string[], after: readonly string[]): Edit[] {
  const trace: Map<number, number>[] = [];
  let reached = new Map([[1, 0]]);
  for (let edits = 0; edits <= MAX_EDITS; edits += 1) {
    trace.push(reached);
    const next = new Map<number, number>();
    for (let k = -edits; k <= edits; k += 2) {
      let x = isDown(reached, k, edits) ? (reached.get(k + 1) ?? 0) : (reached.get(k - 1) ?? 0) + 1;
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x++;
      next.set(k, x);
      if (x >= before.length && x - k >= after.length) return backtrack(trace, before, after);
    }
    reached = next;
  }
  return [
    ...before.map((line): Edit => ({ kind: '-', line })),
    ...after.map((line): Edit => ({ kind: '+', line })),
  ];
}

function isDown(reached: ReadonlyMap<number, number>, k: number, edits: number): boolean {
  if (k === -edits) return true;
  return k !== edits && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1);
}

function backtrack(
  trace: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): Edit[] {
  const script: Edit[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reached = trace[edits] ?? new Map<number, number>();
    const k = x - y;
    const down = isDown(reached, k, edits);
    const fromX = (down ? reached.get(k + 1) : reached.get(k - 1)) ?? 0;
    const fromY = fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      x -= 1;
      y -= 1;
      script.push({ kind: ' ', line: before[x] ?? '' });
    }
    if (edits === 0) break;
    script.push(
      down ? { kind: '+', line: after[fromY] ?? '' } : { kind: '-', line: before[fromX] ?? '' },
    );
    x = fromX;
    y = fromY;
  }
  return script.reverse();
}

/** From and behind, of edits with the lines around them. */
function hunksOf(edits: readonly Edit[]): [number, number][] {
  const hunks: [number, number][] = [];
  edits.forEach(({ kind }, at) => {
    if (kind === ' ') return;
    const from = Math.max(0, at - CONTEXT);
    const to = Math.min(edits.length, at + CONTEXT + 1);
    const last = hunks.at(-1);
    if (last && from <= last[1]) last[1] = to;
    else hunks.push([from, to]);
  });
  return hunks;
}

function hunkText(edits: readonly Edit[], from: number, to: number): string {
  const inBefore = (list: readonly Edit[]) => list.filter(({ kind }) => kind !== '+').length;
  const inAfter = (list: readonly Edit[]) => list.filter(({ kind }) => kind !== '-').length;
  const above = edits.slice(0, from);
  const hunk = edits.slice(from, to);
  const old = range(inBefore(above), inBefore(hunk));
  const now = range(inAfter(above), inAfter(hunk));
  const lines = hunk.map(({ kind, line }) =>
    line.endsWith('\n') ? kind + line : `${kind}${line}\n\\ No newline at end of file\n`,
  );
  return `@@ -${old} +${now} @@\n${lines.join('')}`;
}

/** A range of no lines names the line before it. */
function range(above: number, lines: number): string {
  if (lines === 1) return `${above + 1}`;
  return `${lines === 0 ? above : above + 1},${lines}`;
}
