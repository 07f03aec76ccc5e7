import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.js';

/** A metric as control-plane/README.md has it. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

export function documentedMetrics(): DocumentedMetric[] {
  const readme = readFileSync(join(ROOT, 'control-plane/README.md'), 'utf8');
  const rows = readme.matchAll(
    /^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \| (.*?)\| (.*) \|$/gm,
  );
  return [...rows].map(([, name = '', type = '', labels = '', help = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label ?? ''),
    help,
  }));
}
