import type { Listed } from '../command.js';

/** `bulkhead audit ...` over files, in the order of the help. */
export const AUDIT_FILE_COMMANDS: readonly Listed[] = [
  {
    name: 'verify',
    about: 'verify an exported audit log',
    load: async () => (await import('./verify.js')).verify,
  },
];

/** Over a control plane, beside what the table of resources has. */
export const AUDIT_EXPORT_COMMANDS: readonly Listed[] = [
  {
    name: 'export',
    about: 'print the whole audit log, to be kept and verified',
    load: async () => (await import('./export.js')).exportLog,
  },
];
