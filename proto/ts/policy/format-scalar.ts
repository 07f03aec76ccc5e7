import type { Scalar } from 'yaml';

/** What YAML 1.2 or 1.1 reads as something else than a string, or as a merge. */
const NOT_A_STRING =
  /^(?:|~|=|<<|null|true|false|yes|no|on|off|y|n|[-+]?(?:\.?\d[\d_]*(?:\.[\d_]*)?(?:e[-+]?\d+)?|0x[\da-f_]+|0o[0-7]+|0b[01_]+|\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?|\.inf|\.nan)|\d{4}-\d\d?-\d\d?(?:[Tt\s].*)?)$/i;
const NOT_PLAIN = /^[\s,[\]{}#&*!|>'"%@`:?]|^-(?:\s|$)|^(?:---|\.\.\.)|:(?:\s|$)|\s#|\s$|[\n\r]/;
/** Of what yaml prints as it is; line breaks other than its own are not among it. */
const PRINTABLE =
  /^[\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;

/** A string in the shortest way that every YAML parser reads as that string. */
export function formatString(value: string, inFlow: boolean): string {
  return isPlain(value, inFlow) && !NOT_A_STRING.test(value) ? value : quote(value);
}

/** A scalar in one line, quoted only where it must be. */
export function scalarText(
  { type, source = '', value }: Scalar,
  tagged: boolean,
  inFlow: boolean,
): string {
  if (type === 'PLAIN') {
    return source === '' || typeof value !== 'string' || isPlain(source, inFlow)
      ? source
      : quote(source);
  }
  return tagged ? quote(source) : formatString(source, inFlow);
}

/** Header and lines of a text of several lines. undefined: it is none, or must be quoted. */
export function literalOf({ value }: Scalar): string[] | undefined {
  if (typeof value !== 'string' || !/^[^\s]/.test(value) || !PRINTABLE.test(value))
    return undefined;
  const lines = value.replace(/\n$/, '').split('\n');
  const last = lines.at(-1) ?? '';
  if (!value.includes('\n') || last.trim() === '' || lines.some((line) => /^\s+$/.test(line))) {
    return undefined;
  }
  return [value.endsWith('\n') ? '|' : '|-', ...lines];
}

function isPlain(text: string, inFlow: boolean): boolean {
  return !NOT_PLAIN.test(text) && PRINTABLE.test(text) && !(inFlow && /[[\]{},]/.test(text));
}

function quote(text: string): string {
  if (/["\\]/.test(text) && PRINTABLE.test(text) && !text.includes('\n')) {
    return `'${text.replaceAll("'", "''")}'`;
  }
  return JSON.stringify(text).replace(/[^ -~]/gu, (char) =>
    PRINTABLE.test(char) ? char : escaped(char),
  );
}

function escaped(char: string): string {
  return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}
