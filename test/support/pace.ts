/** What the work below takes on the machine that our limits of time are set for. */
const NOMINAL_MS = 100;

/**
 * How many times as long the same work takes here and now, whatever runs beside it, as on the machine
 * that limits of time are set for; at least 1. A limit times this holds on any machine.
 */
export function slowness(): number {
  const startedAt = performance.now();
  work();
  return Math.max(1, (performance.now() - startedAt) / NOMINAL_MS);
}

/** Texts, maps, and memory that no cache holds: what the policies' compiler is made of. */
function work(): number {
  const sums = new Map<string, number>();
  let random = 1;
  for (let at = 0; at < 150_000; at += 1) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    const key = `${random % 50_000}/${at % 8}`;
    sums.set(key, (sums.get(key) ?? 0) + random);
  }
  const cells = new Uint32Array(1 << 20);
  for (let at = 0; at < 3_000_000; at += 1) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const cell = random % cells.length;
    cells[cell] = (cells[cell] ?? 0) ^ random;
  }
  return [...sums.values()].sort((a, b) => a - b).length + (cells[0] ?? 0);
}
