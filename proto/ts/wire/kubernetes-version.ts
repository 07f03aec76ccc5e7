const VERSION = /^v(\d{1,4})\.(\d{1,4})\.(\d{1,4})([-+][A-Za-z0-9.+-]{1,50})?$/;

/** As an API server says its gitVersion: `v1.31.2`, `v1.30.4-gke.1348000`, `v1.29.3+k3s1`. */
export function isKubernetesVersion(text: string): boolean {
  return VERSION.test(text);
}

/** For sorting, oldest first; what a vendor adds behind counts last. */
export function compareKubernetesVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const place = left.findIndex((number, index) => number !== right[index]);
  if (place !== -1) return (left[place] ?? 0) - (right[place] ?? 0);
  return a < b ? -1 : Number(a > b);
}

function numbersOf(text: string): number[] {
  return (VERSION.exec(text)?.slice(1, 4) ?? []).map(Number);
}
