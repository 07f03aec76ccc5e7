import type { Command } from '../command.js';
import { diff } from './diff.js';
import { explain } from './explain.js';
import { fmt } from './fmt.js';
import { schema } from './schema.js';
import { test } from './test.js';
import { validate } from './validate.js';

/** `bulkhead policy ...`, in the order of the help. */
export const POLICY_COMMANDS: readonly Command[] = [validate, explain, test, diff, fmt, schema];
