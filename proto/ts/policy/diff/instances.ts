import { type Glob, GlobFault, type GlobKind, parseGlob } from '../glob.js';
import { preferredByte } from './text-classes.js';

/** Texts that a pattern matches and that look like what people see; none where that is not easy. */
export function instancesOf(pattern: string, kind: GlobKind): string[] {
  const glob = parseGlob(pattern, kind);
  if (glob instanceof GlobFault) return [];
  const fills = kind === 'path' ? FILLS : FILLS.slice(0, 1);
  const texts = fills.flatMap((fill) => instanceOf(glob, fill) ?? []);
  return [...new Set(texts)];
}

interface Fill {
  readonly component: string;
  readonly any: string;
  readonly components: string;
}

const FILLS: readonly Fill[] = [
  { component: 'example', any: 'example', components: '' },
  { component: 'example', any: 'example/file', components: 'example/' },
];

function instanceOf(glob: Glob, fill: Fill): string | undefined {
  let text = '';
  for (const part of glob) {
    if (part.kind === 'text') text += part.text;
    else if (part.kind === 'set') {
      const byte = preferredByte((one) => part.bytes[one] === 1);
      if (byte === undefined || byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    } else text += fill[part.kind];
  }
  return text;
}
