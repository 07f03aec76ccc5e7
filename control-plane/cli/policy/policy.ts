import type { Listed } from '../command.js';

/** `bulkhead policy ...` over files, in the order of the help. */
export const POLICY_FILE_COMMANDS: readonly Listed[] = [
  {
    name: 'validate',
    about: 'check policy documents',
    load: async () => (await import('./validate.js')).validate,
  },
  {
    name: 'explain',
    about: 'tell why policies do what they do about an event',
    load: async () => (await import('./explain.js')).explain,
  },
  {
    name: 'test',
    about: 'run test cases against policies',
    load: async () => (await import('./test.js')).test,
  },
  {
    name: 'diff',
    about: 'tell how two policies differ in what they do',
    load: async () => (await import('./diff.js')).diff,
  },
  {
    name: 'fmt',
    about: 'format policy documents',
    load: async () => (await import('./fmt.js')).fmt,
  },
  {
    name: 'schema',
    about: 'print the JSON Schema of policy documents',
    load: async () => (await import('./schema.js')).schema,
  },
];

/** Over a control plane, beside what the table of resources has. */
export const POLICY_DOCUMENT_COMMANDS: readonly Listed[] = [
  {
    name: 'source',
    about: 'print the document of a policy',
    load: async () => (await import('./source.js')).source,
  },
  {
    name: 'compare',
    about: 'tell how two versions, or one and a file, differ in what they do',
    load: async () => (await import('./compare.js')).compare,
  },
  {
    name: 'create',
    about: 'make a policy of a document',
    load: async () => (await import('./send.js')).create,
  },
  {
    name: 'push',
    about: 'add a version to a policy',
    load: async () => (await import('./send.js')).push,
  },
];
