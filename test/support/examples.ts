/** Blocks with a name behind their language. */
export function filesOf(readme: string): { name: string; text: string }[] {
  return [...readme.matchAll(/^```(?:yaml|json) (\S+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    name: match[1] ?? '',
    text: match[2] ?? '',
  }));
}

export interface Example {
  readonly line: string;
  readonly output: string;
  readonly code: number;
}

/** Blocks of lines that begin with $, what these print behind them, and the exit code if it is not 0. */
export function examplesOf(readme: string): Example[][] {
  return [...readme.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) =>
    block.split(/^\$ /m).flatMap((text) => {
      if (text === '') return [];
      const end = text.indexOf('\n');
      const rest = text.slice(end + 1);
      const exit = /^exit (\d+)\n$/m.exec(rest);
      const output = exit ? rest.slice(0, exit.index) : rest;
      return [{ line: text.slice(0, end), output, code: Number(exit?.[1] ?? 0) }];
    }),
  );
}
