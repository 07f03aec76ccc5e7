const REFUSED_BY_JSONB = /\\u(0000|d[89a-f])/i;
const LONE_SURROGATES = /\p{Surrogate}/gu;

/**
 * JSON text that a jsonb column takes whatever the strings hold: jsonb refuses U+0000 and lone
 * surrogates, and one such name in a container must not stop its batch. They become U+FFFD.
 */
export function toJsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('the value has no JSON form');
  if (!REFUSED_BY_JSONB.test(text)) return text;
  return JSON.stringify(value, (_key, entry: unknown) => cleanValue(entry));
}

/** The same for a text column. */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').replace(LONE_SURROGATES, '\ufffd');
}

/** cleanText, to so many bytes of UTF-8, never through a character. */
export function clipped(text: string, maxBytes: number): string {
  const bytes = Buffer.from(cleanText(text));
  let end = Math.min(bytes.byteLength, maxBytes);
  while (end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]: [string, unknown]) => [cleanText(key), entry]),
  );
}
