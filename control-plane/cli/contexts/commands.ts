import type { Listed } from '../command.js';

/** `bulkhead context ...`, in the order of the help. */
export const CONTEXT_COMMANDS: readonly Listed[] = [
  {
    name: 'list',
    about: 'list the control planes that you have logged in to',
    load: async () => (await import('./list.js')).list,
  },
  {
    name: 'show',
    about: 'show one',
    load: async () => (await import('./list.js')).show,
  },
  {
    name: 'use',
    about: 'make one the current one',
    load: async () => (await import('./change.js')).use,
  },
  {
    name: 'rename',
    about: 'give one another name',
    load: async () => (await import('./change.js')).rename,
  },
  {
    name: 'delete',
    about: 'forget one and its key',
    load: async () => (await import('./change.js')).remove,
  },
];

export const LOGIN_COMMANDS: readonly Listed[] = [
  {
    name: 'login',
    about: 'keep an API key of a control plane, as a context',
    load: async () => (await import('./login.js')).login,
  },
  {
    name: 'logout',
    about: 'forget the API key of a context',
    load: async () => (await import('./login.js')).logout,
  },
];
