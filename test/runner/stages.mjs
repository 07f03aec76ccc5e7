import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { check } from '../../deploy/setup/check.mjs';
import { NODE_LTS_BINARY } from '../../deploy/setup/lib/fetch.mjs';
import { ROOT } from '../../deploy/setup/lib/paths.mjs';

const MINUTE_MS = 60_000;
/** Four machines, two at a time, 1.5 to 5 min each. */
const VM_MINUTES = 40;
/** The form of the line that a stage of its own process ends with. */
const CLOSING_LINE = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/**
 * In the order in which they run. A result is {passed, failed, skipped, failures, skips}; failures and
 * skips are {name, reason}.
 */
export const STAGES = [
  { name: 'check', run: runCheck },
  jestStage('arch, unit', ['arch', 'unit'], { limitMs: 10 * MINUTE_MS }),
  // One server for all its files: an open transaction of one delays what another waits for.
  jestStage('db', ['db'], { limitMs: 20 * MINUTE_MS, inBand: true }),
  jestStage('kernel', ['kernel'], { limitMs: 10 * MINUTE_MS, inBand: true }),
  jestStage('e2e', ['e2e'], { limitMs: 15 * MINUTE_MS, inBand: true }),
  jestStage('lts', ['arch', 'unit', 'db'], {
    limitMs: 25 * MINUTE_MS,
    inBand: true,
    node: NODE_LTS_BINARY,
  }),
  { name: 'vm', run: runVm },
];

/** What `--only` may name. */
export const SELECTABLE = ['check', 'arch', 'unit', 'db', 'kernel', 'e2e', 'lts', 'vm'];

async function runCheck() {
  const failed = await check();
  return failed === 0
    ? { passed: 1, failed: 0, skipped: 0, failures: [], skips: [] }
    : failure('npm run check', `${failed} of its parts failed: see above`);
}

/** `node` is another binary to run under; `inBand` for tests that share what a machine has only once. */
function jestStage(name, projects, { limitMs, inBand = false, node }) {
  return {
    name,
    projects,
    async run(children, selected) {
      if (node && !existsSync(node)) {
        return failure(
          name,
          `${relative(ROOT, node)} is missing: npm run setup -- --test fetches it`,
        );
      }
      const chosen = node ? projects : projects.filter((project) => selected.has(project));
      const folder = mkdtempSync(`${tmpdir()}/bulkhead-jest-`);
      const outputFile = `${folder}/result.json`;
      const args = [
        ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
        ...['node_modules/jest/bin/jest.js', '-c', 'test/jest.config.mjs', '--ci'],
        ...['--selectProjects', ...chosen],
        ...['--json', `--outputFile=${outputFile}`],
        inBand ? '--runInBand' : '--maxWorkers=2',
      ];
      const env = process.stdout.isTTY ? {} : { FORCE_COLOR: '0' };
      const binary = node ?? process.execPath;
      const outcome = await children.run(binary, args, { cwd: ROOT, env, limitMs });
      const report = existsSync(outputFile)
        ? JSON.parse(readFileSync(outputFile, 'utf8'))
        : undefined;
      rmSync(folder, { recursive: true });
      const result = jestResult(name, report, outcome, limitMs);
      for (const project of report ? emptyProjects(chosen, report) : []) {
        result.failed += 1;
        result.failures.push({ name: `test/${project}`, reason: 'no test ran' });
      }
      return result;
    },
  };
}

function jestResult(name, report, { code, timedOut }, limitMs) {
  const limit = `did not end within ${limitMs / MINUTE_MS} min (open handles keep jest alive)`;
  if (!report) return failure(name, timedOut ? limit : `jest ended without a report (${code})`);
  const result = { passed: report.numPassedTests, failed: 0, skipped: 0, failures: [], skips: [] };
  const fail = (failedName, reason) => {
    result.failed += 1;
    result.failures.push({ name: failedName, reason });
  };
  for (const file of report.testResults) {
    const path = relative(ROOT, file.name);
    const failedTests = file.assertionResults.filter((test) => test.status === 'failed');
    for (const test of failedTests) {
      fail(`${path} › ${test.fullName}`, firstLine(test.failureMessages[0]));
    }
    if (file.status === 'failed' && failedTests.length === 0) fail(path, firstLine(file.message));
    for (const test of file.assertionResults) {
      if (!['pending', 'skipped', 'todo', 'disabled'].includes(test.status)) continue;
      result.skipped += 1;
      result.skips.push({ name: `${path} › ${test.fullName}`, reason: skipReason(test.fullName) });
    }
  }
  if (timedOut) fail(name, limit);
  else if (code !== 0 && result.failed === 0) fail(name, `jest ended with ${code ?? 'a signal'}`);
  return result;
}

/** Where no test ran, nothing was proven: a project of none is a failure. */
function emptyProjects(projects, report) {
  const ran = report.testResults.map((file) => relative(ROOT, file.name));
  return projects.filter((name) => !ran.some((path) => path.startsWith(`test/${name}/`)));
}

async function runVm(children) {
  const script = 'test/vm/run.mjs';
  if (!existsSync(`${ROOT}/${script}`)) return failure('vm', `${script} is missing`);
  let closing;
  const failures = [];
  const { code, timedOut } = await children.run(process.execPath, [script], {
    cwd: ROOT,
    limitMs: VM_MINUTES * MINUTE_MS,
    onLine(line) {
      const match = CLOSING_LINE.exec(line);
      if (match) closing = match;
      else console.log(line);
      const failedCase = /^\s*(?:not ok|FAIL(?:ED)?)\b:?\s*(.+)$/.exec(line)?.[1];
      if (failedCase) failures.push({ name: failedCase, reason: 'see above' });
    },
  });
  if (timedOut) return failure('vm', `did not end within ${VM_MINUTES} min`);
  if (!closing) return failure('vm', `ended with ${code ?? 'a signal'} and no closing line`);
  const [passed, failed, skipped] = closing.slice(1).map((count) => Number(count ?? 0));
  if (code !== 0 && failed === 0) return failure('vm', `ended with ${code ?? 'a signal'}`);
  const skips = skipped > 0 ? [{ name: `vm: ${skipped} cases`, reason: 'see above' }] : [];
  return { passed, failed, skipped, failures, skips };
}

export function failure(name, reason) {
  return { passed: 0, failed: 1, skipped: 0, failures: [{ name, reason }], skips: [] };
}

/** Skipped tests carry their reason in a title of theirs: `... (skipped: needs root)`. */
const skipReason = (fullName) => /\(skipped: ([^)]+)\)/.exec(fullName)?.[1] ?? 'no reason given';

function firstLine(text = '') {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: jest colours its messages
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '');
  return (
    plain
      .split('\n')
      .map((line) => line.trim())
      .find((line) => line !== '' && !line.startsWith('●')) ?? ''
  ).slice(0, 300);
}
