import type { Technique } from './technique.js';
import { EXEC_TECHNIQUES } from './techniques/exec.js';
import { FILE_TECHNIQUES } from './techniques/file.js';
import { LOAD_TECHNIQUES } from './techniques/load.js';

export const TECHNIQUES: readonly Technique[] = [
  ...EXEC_TECHNIQUES,
  ...LOAD_TECHNIQUES,
  ...FILE_TECHNIQUES,
];
