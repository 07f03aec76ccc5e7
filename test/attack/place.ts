import type { ExecBackend } from '../../node-agent/native/native.js';

/** Where techniques are run: a kernel and a backend of it. */
export interface Place {
  readonly kernel: string;
  readonly backend: ExecBackend;
}

/** This machine's own kernel. */
export const HOST = 'host';
/** A guest's line with a result as JSON begins with it. */
export const RESULT_MARK = 'attack-result ';

export function placeName({ kernel, backend }: Place): string {
  return `${kernel} ${backend}`;
}
