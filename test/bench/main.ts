import { parseArgs } from 'node:util';
import { snapshotEnvironment } from '../../control-plane/config.js';
import { Figures, figureLine, isMet, machineLine } from './figures.js';
import { type FleetOptions, fleetBenchmark } from './fleet/fleet.js';
import { type HooksOptions, hooksBenchmark } from './hooks/hooks.js';
import { policyBenchmark } from './policy.js';

interface Benchmark {
  readonly about: string;
  readonly run: (figures: Figures, options: HooksOptions & FleetOptions) => void | Promise<void>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  fleet: { about: 'thousands of agents on a replica; 5 minutes', run: fleetBenchmark },
  hooks: { about: 'what the kernel programs add to opens and execs; as root', run: hooksBenchmark },
  policy: { about: 'reading policies, building automata, judging events', run: policyBenchmark },
};

const HELP = `npm run bench -- NAME [--seed N] [--json] [--strict] [--agents N] [--machines] [--update]

Ends with a line for each figure: figure NAME VALUE UNIT [goal <=|>= VALUE met|missed]

  --seed      of the random numbers, 1 by default
  --json      one JSON document instead of lines
  --strict    exit code 1 when a goal is missed
  --agents    fleet: how many, 10000 by default
  --machines  hooks: in virtual machines too
  --update    hooks: writes the verifier's counts into their file instead of comparing

Benchmarks:
${Object.entries(BENCHMARKS)
  .map(([name, { about }]) => `  ${name.padEnd(10)}${about}\n`)
  .join('')}`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      agents: { type: 'string', default: '10000' },
      machines: { type: 'boolean', default: false },
      update: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [name = '', ...more] = positionals;
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  const seed = Number(values.seed);
  const agents = Number(values.agents);
  const isWrong = !Number.isSafeInteger(seed) || !Number.isSafeInteger(agents) || agents < 1;
  if (values.help || !benchmark || more.length > 0 || isWrong) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const figures = new Figures(seed);
  if (!values.json) process.stdout.write(`${machineLine()}\nseed ${seed}\n`);
  await benchmark.run(figures, { agents, machines: values.machines, update: values.update });
  process.stdout.write(values.json ? asJson(name, figures) : asLines(figures));
  return values.strict && !figures.list.every(isMet) ? 1 : 0;
}

function asLines({ notes, list }: Figures): string {
  return [...notes, ...list.map(figureLine)].map((line) => `${line}\n`).join('');
}

function asJson(benchmark: string, { seed, notes, list }: Figures): string {
  const figures = list.map((figure) => (figure.goal ? { ...figure, met: isMet(figure) } : figure));
  return `${JSON.stringify({ benchmark, machine: machineLine(), seed, notes, figures }, undefined, 2)}\n`;
}

// As the product's programs do before they read a policy.
snapshotEnvironment();
process.exitCode = await main();
