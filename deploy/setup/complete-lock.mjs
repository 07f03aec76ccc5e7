// Completes package-lock.json after `npm install` on a machine whose registry serves only the
// packages of its own platform: npm then leaves the other platforms' optional packages out of the
// lock file, and `npm ci` of npm 11 refuses a lock file that lacks them. Each gets an entry with its
// version and its platform, read off its name, so that every platform skips what is not its own.
// Usage: node deploy/setup/complete-lock.mjs   (rewrites package-lock.json in place)
import { readFileSync, writeFileSync } from 'node:fs';

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'sunos', 'win32', 'aix'];
const CPU = ['arm64', 'x64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'arm'];

const path = new URL('../../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
let added = 0;
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] || lock.packages[`${parent}/${key}`] || !/^\d/.test(version)) continue;
    const words = name.split(/[-/]/);
    const os = OS.find((candidate) => words.includes(candidate));
    const cpu = CPU.find((candidate) => words.includes(candidate));
    if (!os || !cpu) throw new Error(`cannot tell the platform of ${name}: add it by hand`);
    const libc = words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : {};
    lock.packages[key] = { version, cpu: [cpu], ...libc, optional: true, os: [os] };
    if (entry.dev) lock.packages[key].dev = true;
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} entries for other platforms added`);
