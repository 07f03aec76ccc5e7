import type { ResponseRef } from '../../../proto/ts/policy/bind.js';
import { POLICY_MODES, type PolicyMode } from '../../../proto/ts/policy/model.js';
import { checkOneStdin, oneOf, readArguments } from '../arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from '../command.js';
import { painter, printJson, printLines } from '../output.js';
import { isRefused, loadPolicies, refuse, together } from './documents.js';
import { explainLines } from './explain-text.js';
import { type Act, Judge, type OperationExplained, refusalOf } from './judge.js';
import { EVENT_KEYS, readEvent } from './read-event.js';
import { readFacts } from './read-facts.js';
import { loadSideDocument, type SideDocument } from './side-document.js';

const HELP = `bulkhead policy explain --event EVENT [--facts FACTS] [--mode MODE] [--json] FILE...

Tells what policies do about an event, and why: which response fires, which selector matches,
which condition does not hold and what the event or the container has instead. Several policies
are judged together, as those of one container.

  FILE       policies: files, folders, or - for standard input
  --event    the event, JSON or YAML; may hold the container's facts under "container"
  --facts    the container's facts, JSON or YAML; without any, nothing is known of the container
  --mode     observe or enforce (default enforce)
  --json     one JSON document instead

  {"operation": "exec", "executable": "/tmp/x", "origin": "writable", "args": ["/tmp/x", "-v"],
   "userId": 1000, "capabilities": ["CAP_CHOWN"], "container": {"podNamespace": "prod"}}

What an event does not tell could not be read, so that conditions on it are undecided. A fact
that is left out is one that the container does not have, unless "unknown": ["clusterName", ...]
names it. A path that is no UTF-8 is written {"base64": "..."}.

Exit codes: 0 explained, 1 a document is invalid, 2 usage, 3 a file could not be read.
`;

export const explain: Command = { help: HELP, run };

export const MODES: readonly PolicyMode[] = Object.keys(POLICY_MODES).filter(isMode);

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { flags, texts, operands } = readArguments(args, {
    flags: ['json'],
    texts: ['event', 'facts', 'mode'],
    operands: { what: 'FILE', min: 1, max: Number.POSITIVE_INFINITY },
  });
  const eventPath = texts.get('event');
  const factsPath = texts.get('facts');
  const mode = oneOf('--mode', texts.get('mode'), MODES) ?? 'enforce';
  if (eventPath === undefined) throw new UsageError('--event is missing');
  checkOneStdin([eventPath, factsPath, ...operands]);
  const json = flags.has('json');
  const loaded = await loadPolicies(operands, io);
  const event = await loadSideDocument(eventPath, io, readActs);
  const facts =
    factsPath === undefined
      ? undefined
      : await loadSideDocument(factsPath, io, (document) => readFacts(document, document.root));
  const sides = [event, facts].flatMap((side) => (side && 'faults' in side ? [side] : []));
  const refused = together([loaded, ...sides]);
  if (isRefused(refused) || 'faults' in event || (facts && 'faults' in facts)) {
    return refuse(refused, json, io);
  }
  if (facts && event.container) {
    throw new UsageError('the event has a container: leave out --facts');
  }
  const act: Act = { mode, event: event.event, container: facts ?? event.container };
  const judge = new Judge(loaded.policies);
  try {
    const explained = judge.explain(act);
    if (json) printJson(io.stdout, { ok: true, ...toJson(act, explained, judge) });
    else {
      const paint = painter(io, io.stdout);
      const blocks = explained.map((one) => explainLines(act, one, judge, paint));
      printLines(
        io.stdout,
        blocks.flatMap((lines, at) => (at > 0 ? ['', '', ...lines] : lines)),
      );
    }
    return EXIT.fine;
  } catch (error) {
    const refusal = refusalOf(error, loaded.policies);
    if (!refusal) throw error;
    return refuse(refusal, json, io);
  }
}

function readActs(document: SideDocument): Omit<Act, 'mode'> | undefined {
  const fields = document.fields(document.root, 'an event', [...EVENT_KEYS, 'container']);
  const event = fields && readEvent(document, document.root, fields);
  const place = fields?.get('container');
  const container = place && readFacts(document, place);
  return event && { event, container };
}

function toJson({ mode }: Act, explained: readonly OperationExplained[], judge: Judge): object {
  const placed = (ref: Pick<ResponseRef, 'policyName' | 'section' | 'response'>) => {
    const { line, column, path } = judge.placeOf(ref) ?? {};
    return { line, column, path };
  };
  return {
    mode,
    operations: explained.map(({ operation, verdict, result, sections }) => ({
      operation,
      verdict,
      actions: result.actions,
      undecided: result.undecided,
      sections: sections.map(({ policyName, section, selectors, responses }) => ({
        file: policyName,
        section,
        responses: responses.map((one) => ({
          ...placed({ policyName, section, response: one.response }),
          fired: one.fired,
          actions: one.actions,
          match: one.match,
          exclude: one.exclude,
        })),
        selectors,
      })),
    })),
    problems: [],
    faults: [],
  };
}

function isMode(word: string): word is PolicyMode {
  return Object.hasOwn(POLICY_MODES, word);
}
