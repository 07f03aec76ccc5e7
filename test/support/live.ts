import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

export interface LiveEvent {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly id?: string; readonly kind?: string; readonly clusterId?: string };
}

/** A client of `/v1/live`, by the rules of WHATWG's EventSource. */
export interface LiveClient {
  readonly status: number;
  readonly events: readonly LiveEvent[];
  /** As it came. */
  readonly text: string;
  /** What it would come back with. */
  readonly lastEventId: string;
  /** Milliseconds; as the server said last. */
  readonly retryMs: number;
  readonly hasEnded: boolean;
  readonly response: IncomingMessage;
  close(): void;
}

export interface LiveOptions {
  readonly lastEventId?: string;
  /** Nothing is read. */
  readonly paused?: boolean;
}

/** Resolves when the head of the answer is here. `who`: the header that says it, or a key. */
export async function openLive(
  baseUrl: string,
  who: string | Readonly<Record<string, string>>,
  query: string,
  { lastEventId, paused = false }: LiveOptions = {},
): Promise<LiveClient> {
  const request = get(`${baseUrl}/v1/live?${query}`, {
    agent: false,
    headers: {
      ...(typeof who === 'string' ? { authorization: `Bearer ${who}` } : who),
      ...(lastEventId && { 'last-event-id': lastEventId }),
    },
  });
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const events: LiveEvent[] = [];
  let [text, rest, last, retryMs, hasEnded] = ['', '', lastEventId ?? '', 0, false];
  response.setEncoding('utf8');
  response.on('error', () => {});
  response.once('close', () => {
    hasEnded = true;
  });
  if (!paused) {
    response.on('data', (chunk: string) => {
      text += chunk;
      rest += chunk;
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = fieldsOf(block);
        last = fields.id ?? last;
        retryMs = Number(fields.retry ?? retryMs);
        if (fields.data === undefined) continue;
        events.push({ id: last, event: fields.event ?? 'message', data: JSON.parse(fields.data) });
      }
    });
  }
  return {
    status: response.statusCode ?? 0,
    events,
    response,
    get text() {
      return text;
    },
    get lastEventId() {
      return last;
    },
    get retryMs() {
      return retryMs;
    },
    get hasEnded() {
      return hasEnded;
    },
    close: () => request.destroy(),
  };
}

/** A line that begins with a colon is a comment. */
function fieldsOf(block: string): Readonly<Record<string, string | undefined>> {
  const lines = block.split('\n').filter((line) => !line.startsWith(':'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
}
