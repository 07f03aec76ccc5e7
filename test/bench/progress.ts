const CLEAR_LINE = '\r\u001b[K';
const WIDTH = 24;

/** On a terminal one line that says how far it is; elsewhere nothing. */
export function showProgress(what: string, done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const full = Math.round((WIDTH * Math.min(done, total)) / Math.max(total, 1));
  const bar = `${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}`;
  process.stderr.write(`${CLEAR_LINE}[${bar}] ${Math.round(done)}/${total} ${what}`);
}

export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
}
