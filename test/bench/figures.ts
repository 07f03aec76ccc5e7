import { arch, cpus, release } from 'node:os';

export interface Goal {
  readonly is: '<=' | '>=';
  readonly value: number;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** undefined: it is only told. */
  readonly goal: Goal | undefined;
}

/** Collects what a benchmark finds out, in its order. */
export class Figures {
  readonly list: Figure[] = [];
  readonly notes: string[] = [];
  /** Of every random number. */
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  add(name: string, value: number, unit: string, goal?: Goal): void {
    this.list.push({ name, value, unit, goal });
  }

  note(line: string): void {
    this.notes.push(line);
  }
}

export function isMet({ value, goal }: Figure): boolean {
  if (!goal) return true;
  return goal.is === '<=' ? value <= goal.value : value >= goal.value;
}

/** figure NAME VALUE UNIT goal <= VALUE met */
export function figureLine(figure: Figure): string {
  const { name, value, unit, goal } = figure;
  const text = `figure ${name} ${rounded(value)} ${unit}`;
  if (!goal) return text;
  return `${text} goal ${goal.is} ${goal.value} ${isMet(figure) ? 'met' : 'missed'}`;
}

/** Three digits that count; whole numbers as they are. */
export function rounded(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

export function machineLine(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  return `machine ${cores.length} x ${model}, node ${process.version}, ${process.platform} ${release()} ${arch()}`;
}
