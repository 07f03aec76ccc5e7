import type { Command } from '../command.js';
import { verify } from './verify.js';

/** `bulkhead audit ...`, in the order of the help. */
export const AUDIT_COMMANDS: readonly Command[] = [verify];
