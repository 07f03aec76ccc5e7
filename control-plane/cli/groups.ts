import { RESOURCE_COMMANDS } from './api/resource-commands.js';
import { APPLY_COMMANDS } from './apply/commands.js';
import { AUDIT_EXPORT_COMMANDS, AUDIT_FILE_COMMANDS } from './audit/audit.js';
import type { Listed } from './command.js';
import { COMPLETION_COMMANDS } from './completion/commands.js';
import { CONTEXT_COMMANDS, LOGIN_COMMANDS } from './contexts/commands.js';
import { POLICY_DOCUMENT_COMMANDS, POLICY_FILE_COMMANDS } from './policy/policy.js';

const { policy = [], audit = [], ...resources } = RESOURCE_COMMANDS;

/** `bulkhead GROUP COMMAND`, in the order of the help. Light: it is loaded whatever is called. */
export const GROUPS: Readonly<Record<string, readonly Listed[]>> = {
  policy: [...POLICY_FILE_COMMANDS, ...policy, ...POLICY_DOCUMENT_COMMANDS],
  audit: [...AUDIT_FILE_COMMANDS, ...audit, ...AUDIT_EXPORT_COMMANDS],
  context: CONTEXT_COMMANDS,
  ...resources,
};

/** `bulkhead COMMAND`. */
export const SINGLE_COMMANDS: readonly Listed[] = [
  ...LOGIN_COMMANDS,
  ...APPLY_COMMANDS,
  ...COMPLETION_COMMANDS,
];
