import { readdirSync, readFileSync } from 'node:fs';

/** A policy document and what it says must be found in it. */
export interface CorpusDocument {
  readonly name: string;
  readonly source: Uint8Array;
  /** In the form of placed(), sorted. */
  readonly expected: readonly string[];
}

export type CorpusFolder = 'accepted' | 'refused';

interface PlacedProblem {
  readonly code: string;
  readonly severity: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

const EXPECTATION = /^# expect(-warning)?: (POLICY_\w+) (\d+:\d+)(?: (\S+))?$/;

/** The documents of a folder, in the order of their names. */
export function readCorpus(folder: CorpusFolder): CorpusDocument[] {
  const url = new URL(`./${folder}/`, import.meta.url);
  return readdirSync(url)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const source = new Uint8Array(readFileSync(new URL(name, url)));
      return { name, source, expected: expectationsOf(name, source) };
    });
}

/** One line that tells a problem, its severity and its place. */
export function placed({ severity, code, line, column, path }: PlacedProblem): string {
  return `${severity} ${code} ${line}:${column} ${path}`;
}

/** The lines `# expect: CODE LINE:COLUMN PATH` at the beginning; PATH is left out for the document itself. */
function expectationsOf(name: string, source: Uint8Array): string[] {
  const lines = new TextDecoder().decode(source).split(/\r?\n/);
  const header = lines.filter((line) => line.startsWith('# expect'));
  return header
    .map((line, at) => {
      const [, warning, code, place, path = ''] = EXPECTATION.exec(line) ?? [];
      if (!code || line !== lines[at]) throw new Error(`${name}: cannot read ${line}`);
      return `${warning ? 'warning' : 'error'} ${code} ${place} ${path}`;
    })
    .sort();
}
