import type { Technique } from '../technique.js';

const TABLE: readonly Omit<Technique, 'operation'>[] = [
  { name: 'ld-so', program: 'ld-so', about: 'ld.so runs a program that is only read' },
  { name: 'preload', program: 'preload', about: 'LD_PRELOAD into an image program' },
  { name: 'dlopen', program: 'dlopen', about: 'dlopen of a drifted library' },
  {
    ...{ name: 'dlopen-memfd', program: 'dlopen', words: ['memory'] },
    about: 'dlopen of a library in a memfd',
  },
  { name: 'mapped', program: 'mapped', about: 'mapped executable, and jumped into' },
  {
    ...{ name: 'mapped-shared', program: 'mapped', words: ['shared'] },
    about: 'the same by a shared mapping',
  },
  { name: 'mprotect', program: 'mprotect', about: 'mapped for reading, then made executable' },
];

export const LOAD_TECHNIQUES: readonly Technique[] = TABLE.map((technique) => ({
  ...technique,
  operation: 'load',
}));
