import type { Act } from './technique.js';

/** What must not be touched under the policy that stops the techniques. Each prints "done" at its end. */
export const LEGITIMATE_WORK: readonly Act[] = [
  { name: 'applets', program: 'applets.sh', about: 'a shell script, many image programs' },
  { name: 'package', program: 'package.sh', about: 'tar, sort, grep, checksums of data' },
  { name: 'pipeline', program: 'pipeline.sh', about: 'pipelines, subshells, xargs' },
  { name: 'by-link', program: 'by-link.sh', about: 'image programs by symbolic links' },
  { name: 'jit', program: 'jit', about: 'code in anonymous memory' },
  { name: 'cache-files', program: 'cache-files', about: 'written, renamed, mapped read-only' },
  { name: 'plugins', program: 'plugins', about: 'dlopen of an image library' },
  { name: 'shared-memory', program: 'shared-memory', about: 'anonymous, memfd and named' },
  { name: 'config-files', program: 'config-files', about: 'files of the image rewritten' },
];
