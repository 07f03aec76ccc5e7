import type { Listed } from '../command.js';

export const COMPLETION_COMMANDS: readonly Listed[] = [
  {
    name: 'completion',
    about: 'print a script that completes commands in a shell',
    load: async () => (await import('./scripts.js')).completion,
  },
];

/** Called by the scripts; in no help. */
export const COMPLETE: Listed = {
  name: '__complete',
  about: 'print how the last of some words may go on',
  load: async () => (await import('./complete.js')).complete,
};
