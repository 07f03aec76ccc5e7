import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { filesBelow, hashFiles, stamps, syncFolder } from './inputs.mjs';
import { missingPackages } from './packages.mjs';
import { ROOT, STATE } from './paths.mjs';
import { run } from './run.mjs';

const has = (extension) => (file) => file.endsWith(extension);
const PROTO = `${ROOT}/proto`;
const GEN = `${PROTO}/ts/gen`;
const BPF = `${ROOT}/bpf`;
const ADDON = `${ROOT}/node-agent/native`;
const PROJECTS = ['proto/ts', 'control-plane', 'node-agent', 'deploy', 'test'];
/** What code reads at run time lies in dist at the same place as in the sources. */
const ASSETS = [
  { folder: 'proto', accepts: has('.proto') },
  { folder: 'migrations', accepts: () => true },
  { folder: 'bpf/build', accepts: has('.o') },
  { folder: 'node-agent/native/build', accepts: has('.node') },
];

const protoFiles = () => filesBelow(PROTO, has('.proto'));
const lockFile = `${ROOT}/package-lock.json`;

/**
 * The build, in order. `inputs` are hashed: the step is skipped while they and what it made are
 * unchanged. `lacks` names what is not on this machine: the step is then left out.
 */
export const BUILD_STEPS = [
  {
    name: 'wire types',
    inputs: () => [...protoFiles(), lockFile, `${ROOT}/deploy/setup/lib/build-steps.mjs`],
    made: () => existsSync(`${GEN}/bulkhead`),
    run: generateWireTypes,
  },
  {
    name: 'eBPF programs',
    inputs: () => filesBelow(BPF),
    made: () => holds(`${BPF}/build`, '.o'),
    lacks: missingForNative,
    exists: () => existsSync(`${BPF}/Makefile`),
    run: (say) => run('make', ['-C', 'bpf'], { say }),
  },
  {
    name: 'native addon',
    inputs: () => [...filesBelow(ADDON), ...filesBelow(`${BPF}/include`), lockFile],
    made: () => holds(`${ADDON}/build`, '.node'),
    lacks: missingForNative,
    exists: () => existsSync(`${ADDON}/Makefile`),
    run: (say) => run('make', [`-j${availableParallelism()}`, '-C', 'node-agent/native'], { say }),
  },
  {
    name: 'assets',
    inputs: () => assets().flatMap(({ files }) => files),
    made: () => assets().every(assetsInPlace),
    run: async () => assets().forEach(copyAssets),
  },
  {
    name: 'TypeScript',
    inputs: () => [...typeScriptFiles(), lockFile],
    made: () => PROJECTS.every((project) => existsSync(`${ROOT}/dist/${project}`)),
    run: (say) => run('node_modules/.bin/tsc', ['-b'], { say }),
  },
];

/** Why the step has to run, or undefined when it does not. */
export function pendingReason(step) {
  if (step.exists?.() === false) return undefined;
  if (!step.made()) return 'not built yet';
  return stamps.read(stampOf(step)) === hashFiles(step.inputs()) ? undefined : 'sources changed';
}

/** Runs the step and remembers its inputs as they were before. */
export async function runBuildStep(step, say) {
  const hash = hashFiles(step.inputs());
  stamps.forget(stampOf(step));
  await step.run(say);
  stamps.write(stampOf(step), hash);
}

const stampOf = (step) => step.name.replaceAll(' ', '-').toLowerCase();

const holds = (folder, extension) => existsSync(folder) && readdirSync(folder).some(has(extension));

function missingForNative() {
  const missing = missingPackages({ test: false }).filter((entry) => entry.for === 'build');
  return missing.length > 0 ? missing.map((entry) => entry.name).join(', ') : undefined;
}

/** With the options of proto/ts/wire/protos.ts; a file that stays the same is not touched. */
async function generateWireTypes(say) {
  const work = `${STATE}/build/gen`;
  const services = ['bulkhead', 'cri', 'kms'].filter((name) => existsSync(`${PROTO}/${name}`));
  const files = services.flatMap((name) => filesBelow(`${PROTO}/${name}`, has('.proto')));
  await run(
    'node_modules/.bin/proto-loader-gen-types',
    [
      ...['--longs=String', '--enums=String', '--defaults', '--arrays', '--oneofs'],
      ...['--grpcLib=@grpc/grpc-js', '--importFileExtension=.js', '--targetFileExtension=.ts'],
      ...['--includeDirs=proto', `--outDir=${work}`],
      ...files.map((file) => relative(ROOT, file)),
    ],
    { say },
  );
  syncFolder({ from: work, files: filesBelow(work, has('.ts')), to: GEN, owns: has('.ts') });
}

function typeScriptFiles() {
  const accepts = (file) => file.endsWith('.ts') || file.endsWith('tsconfig.json');
  return [
    `${ROOT}/tsconfig.json`,
    ...['proto', 'control-plane', 'node-agent', 'deploy', 'test'].flatMap((folder) =>
      filesBelow(`${ROOT}/${folder}`, accepts),
    ),
  ];
}

function assets() {
  const nothing = new Set(['node_modules']);
  return ASSETS.map(({ folder, accepts }) => ({
    from: `${ROOT}/${folder}`,
    to: `${ROOT}/dist/${folder}`,
    files: filesBelow(`${ROOT}/${folder}`, accepts, nothing),
    owns: (file) => accepts(file) && !/\.(js|d\.ts|map|tsbuildinfo)$/.test(file),
  }));
}

const assetsInPlace = ({ from, to, files }) =>
  files.every((file) => {
    const copy = `${to}${file.slice(from.length)}`;
    return existsSync(copy) && readFileSync(copy).equals(readFileSync(file));
  });

const copyAssets = (asset) => syncFolder(asset);
