/** One of the things that are compared. */
export interface Case {
  readonly name: string;
  readonly run: () => void;
}

export interface Repetitions {
  readonly warmUp: number;
  readonly measured: number;
}

export const REPETITIONS: Repetitions = { warmUp: 5, measured: 21 };

/**
 * Milliseconds of each case, the median of its runs. All run in turns, A B B A, so that whatever else the
 * machine does meets all of them, and what one leaves to the garbage collector meets not always the same.
 */
export function inTurns(
  cases: readonly Case[],
  { warmUp, measured }: Repetitions = REPETITIONS,
): Map<string, number> {
  const times = new Map(cases.map(({ name }): [string, number[]] => [name, []]));
  for (let turn = 0; turn < warmUp + measured; turn += 1) {
    for (const { name, run } of turn % 2 === 0 ? cases : [...cases].reverse()) {
      const ms = timeOf(run);
      if (turn >= warmUp) times.get(name)?.push(ms);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

export function timeOf(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [
    sorted[sorted.length % 2 === 0 ? middle - 1 : middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}
