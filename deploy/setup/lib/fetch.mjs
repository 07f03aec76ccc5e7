import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { CACHE, ROOT } from './paths.mjs';
import { CommandError, commandExists, run } from './run.mjs';
import { ELASTICSEARCH, NODE_LTS } from './versions.mjs';

const nodeFolder = `${CACHE}/node-${NODE_LTS.version}-${process.arch}`;
/** The Node that the tests which need no kernel run under once more. */
export const NODE_LTS_BINARY = `${nodeFolder}/bin/node`;
/** The unpacked Elasticsearch: bin/, config/, lib/, modules/. */
export const ELASTICSEARCH_HOME = `${CACHE}/elasticsearch`;

const kernelsModule = `${ROOT}/test/vm/kernels.mjs`;

/**
 * What only tests need and no package holds. `missing` says what will be fetched; `lacks` names a program
 * that fetching needs and that is not there.
 */
export function testFetches() {
  return [
    {
      name: `Node ${NODE_LTS.version}`,
      why: 'the tests that need no kernel run under it too',
      missing: () => !existsSync(NODE_LTS_BINARY),
      lacks: () => (NODE_LTS.packages[process.arch] ? undefined : `a build for ${process.arch}`),
      run: fetchNode,
    },
    {
      name: `Elasticsearch ${ELASTICSEARCH.version}`,
      why: 'the sink is tested against the real server',
      missing: () =>
        !existsSync(`${ELASTICSEARCH_HOME}/lib/elasticsearch-${ELASTICSEARCH.version}.jar`),
      lacks: () => ['mvn', 'java', 'unzip'].find((name) => !commandExists(name)),
      run: fetchElasticsearch,
    },
    ...(existsSync(kernelsModule) ? [kernels] : []),
  ];
}

const kernels = {
  name: 'kernels',
  why: "the agent is tested on other kernels than this machine's",
  async missing() {
    const { kernelsPresent } = await import(kernelsModule);
    return !kernelsPresent();
  },
  lacks: () => ['apt-get', 'dpkg-deb', 'xz'].find((name) => !commandExists(name)),
  async run(say, apt) {
    const { fetchKernels } = await import(kernelsModule);
    await apt.update();
    await fetchKernels({ log: say });
  },
};

async function fetchNode(say) {
  const { name, integrity } = NODE_LTS.packages[process.arch];
  await intoCache(nodeFolder, async (folder) => {
    const spec = `${name}@${NODE_LTS.version}`;
    const printed = await run('npm', ['pack', spec, '--json', '--pack-destination', folder], {
      say,
    });
    const tarball = `${folder}/${JSON.parse(printed)[0].filename}`;
    verify(tarball, integrity);
    await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1', 'package/bin']);
    rmSync(tarball);
    chmodSync(`${folder}/bin/node`, 0o755);
  });
}

async function fetchElasticsearch(say) {
  const { artifact, file, mavenPlugin, sha256, version } = ELASTICSEARCH;
  await intoCache(ELASTICSEARCH_HOME, async (folder) => {
    const args = ['-q', '-B', mavenPlugin, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`];
    await run('mvn', args, { say });
    verify(`${folder}/${file}`, `sha256-${Buffer.from(sha256, 'hex').toString('base64')}`);
    await run('unzip', ['-q', file], { cwd: folder, say });
    rmSync(`${folder}/${file}`);
    return `${folder}/elasticsearch-${version}`;
  });
}

/** Fills a folder beside its place and moves it there whole, so that half a download is never used. */
async function intoCache(target, fill) {
  const work = `${target}.part`;
  rmSync(work, { recursive: true, force: true });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const made = (await fill(work)) ?? work;
  renameSync(made, target);
  rmSync(work, { recursive: true, force: true });
}

function verify(file, integrity) {
  const [algorithm, wanted] = integrity.split(/-(.*)/s);
  const found = createHash(algorithm).update(readFileSync(file)).digest('base64');
  if (found !== wanted)
    throw new CommandError(`${file} is not what was pinned: ${algorithm} ${found}`);
}
