// `npm test`, after the set-up: every test, in stages, and one line over all of them at the end.
import { writeFileSync } from 'node:fs';
import { duration } from '../deploy/setup/lib/run.mjs';
import { Children } from './runner/processes.mjs';
import { failure, SELECTABLE, STAGES } from './runner/stages.mjs';

const HELP = `usage: node test/run.mjs [--only NAME,...] [--json FILE]

  --only   some of: ${SELECTABLE.join(', ')}
  --json   also writes the stages' results to FILE

With CI=true a test that is skipped because root, BPF or a program is missing counts as failed.
`;

/** What a machine of ours has: a test that was skipped for the lack of it proves nothing in CI. */
const MACHINE_LACKS =
  /\b(root|BPF|BTF|cgroup|containerd|runc|busybox|Elasticsearch|Java|Postgres)\b/i;

function parseArguments(words) {
  const options = { only: new Set(SELECTABLE), json: undefined };
  for (let index = 0; index < words.length; index += 2) {
    const [flag, value] = [words[index], words[index + 1]];
    if (flag === '--only' && value) options.only = new Set(value.split(','));
    else if (flag === '--json' && value) options.json = value;
    else return undefined;
  }
  return [...options.only].every((name) => SELECTABLE.includes(name)) ? options : undefined;
}

async function runStages(only, children) {
  const results = [];
  for (const stage of STAGES) {
    const names = stage.projects && stage.name !== 'lts' ? stage.projects : [stage.name];
    if (!names.some((name) => only.has(name)) || children.stopping) continue;
    console.log(`\n── ${stage.name} ${'─'.repeat(Math.max(3, 96 - stage.name.length))}`);
    const startedAt = Date.now();
    const result = settle(stage.name, await stage.run(children, only));
    results.push({ stage: stage.name, ms: Date.now() - startedAt, ...result });
  }
  return results;
}

/** No test at all proves nothing; nor, in CI, does one that a lacking machine skipped. */
function settle(name, result) {
  if (result.passed + result.failed + result.skipped === 0) return failure(name, 'no test ran');
  if (process.env.CI !== 'true') return result;
  const lacking = result.skips.filter((skip) => MACHINE_LACKS.test(skip.reason));
  return {
    ...result,
    failed: result.failed + lacking.length,
    skipped: result.skipped - lacking.length,
    failures: [
      ...result.failures,
      ...lacking.map((skip) => ({ ...skip, reason: `skipped in CI: ${skip.reason}` })),
    ],
    skips: result.skips.filter((skip) => !lacking.includes(skip)),
  };
}

function printSummary(results) {
  const list = (title, key) => {
    const entries = results.flatMap((result) => result[key].map((e) => [result.stage, e]));
    if (entries.length === 0) return;
    console.log(`\n${title}`);
    for (const [stage, { name, reason }] of entries) {
      console.log(`  [${stage}] ${name}\n      ${reason}`);
    }
  };
  list('skipped', 'skips');
  list('failed', 'failures');
  const row = (name, ...cells) =>
    `${name.padEnd(18)}${cells.map((c) => String(c).padStart(12)).join('')}`;
  console.log(`\n${row('stage', 'passed', 'failed', 'skipped', 'time')}`);
  for (const { stage, passed, failed, skipped, ms } of results) {
    console.log(row(stage, passed, failed, skipped, duration(ms)));
  }
}

const options = parseArguments(process.argv.slice(2));
if (!options) {
  process.stdout.write(HELP);
  process.exitCode = process.argv.includes('--help') ? 0 : 2;
} else {
  const children = new Children();
  process.once('SIGINT', () => children.stop('SIGINT'));
  process.once('SIGTERM', () => children.stop('SIGTERM'));
  const results = await runStages(options.only, children);
  if (children.stopping) results.push({ stage: 'run', ms: 0, ...failure('run', 'interrupted') });
  printSummary(results);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  process.exitCode = children.stopping ? 130 : sum('failed') > 0 ? 1 : 0;
}
