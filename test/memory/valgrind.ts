/** One error that valgrind reports. */
export interface MemoryError {
  readonly what: string;
  /** `function (file:line)`, the innermost first. */
  readonly stack: readonly string[];
}

/**
 * The errors of a report (valgrind --xml=yes, protocol 4) that have a frame of one object in their
 * first stack. Left out: what valgrind says of the parameters of bpf(2), whose commands and sizes it
 * knows no newer than its own release.
 */
export function errorsOf(report: string, object: string): MemoryError[] {
  const blocks = report.split('<error>').slice(1);
  return blocks.flatMap((block) => {
    const what = textOf(block, 'what') || textOf(block, 'text');
    const [, frames = ''] = /<stack>([\s\S]*?)<\/stack>/.exec(block) ?? [];
    const parts = frames.split('<frame>').slice(1);
    if (/^Syscall param bpf\(/.test(what)) return [];
    if (!parts.some((frame) => textOf(frame, 'obj').endsWith(object))) return [];
    return { what, stack: parts.map(frameText) };
  });
}

function frameText(frame: string): string {
  const name = textOf(frame, 'fn') || textOf(frame, 'ip');
  const file = textOf(frame, 'file');
  return file === '' ? name : `${name} (${file}:${textOf(frame, 'line')})`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

function textOf(xml: string, tag: string): string {
  const [, text = ''] = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml) ?? [];
  return text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
