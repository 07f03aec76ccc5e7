/** One document of a file of several. */
export interface DocumentText {
  readonly text: string;
  /** Of the file, from 1: where the text begins. */
  readonly line: number;
}

/** `---` and `...` at the beginning of a line end a document wherever they stand (YAML 1.2, 9.1.2). */
const MARKER = /^(---|\.\.\.)(?=[ \t\r]|$)/;

/** The documents of a text, those that are empty left out. */
export function splitDocuments(text: string): DocumentText[] {
  const documents: DocumentText[] = [];
  let lines: string[] = [];
  let first = 1;
  const end = (next: number) => {
    if (lines.some((line) => !/^[ \t\r]*(#|$)/.test(line))) {
      documents.push({ text: lines.join('\n'), line: first });
    }
    lines = [];
    first = next;
  };
  for (const [index, line] of text.split('\n').entries()) {
    if (MARKER.test(line)) {
      end(index + 1);
      // What follows --- in its line is of the document; columns stay.
      lines.push(line.startsWith('---') ? `   ${line.slice(3)}` : '');
    } else lines.push(line);
  }
  end(0);
  return documents;
}
