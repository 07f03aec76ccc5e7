import type { Listed } from '../command.js';

/** In the order of the help. */
export const APPLY_COMMANDS: readonly Listed[] = [
  {
    name: 'apply',
    about: 'make what is there as documents say',
    load: async () => (await import('./apply.js')).apply,
  },
  {
    name: 'diff',
    about: 'tell how what is there differs from what documents say',
    load: async () => (await import('./apply.js')).diff,
  },
];
