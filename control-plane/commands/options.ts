import type { parseArgs } from 'node:util';
import { ROLES, type Role } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import { findTenantByName, type Tenant } from '../store/tenants.js';

export const OPTIONS = {
  /** Of this process: config.ts reads it. */
  role: { type: 'string' },
  as: { type: 'string' },
  email: { type: 'string' },
  name: { type: 'string' },
  tenant: { type: 'string' },
  ttl: { type: 'string' },
  clusters: { type: 'string' },
  id: { type: 'string' },
  step: { type: 'string' },
  force: { type: 'boolean' },
  'if-absent': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/** Who has the database and the master key needs no key. */
export const COMMAND_LINE = { kind: 'platform', id: 'command-line', name: 'command line' } as const;

export function roleFrom(word: string): Role {
  const role = ROLES.find((known) => known === word);
  if (!role) throw new Error(`--as: one of ${ROLES.join(', ')}`);
  return role;
}

export async function tenantFrom(database: Database, options: Options): Promise<Tenant> {
  const name = required(options.tenant, '--tenant');
  const tenant = await database.withPlatform((tx) => findTenantByName(tx, name));
  if (!tenant) throw new Error(`there is no tenant named ${name}`);
  return tenant;
}

export function expiryFrom(ttl: string | undefined): Date | undefined {
  if (ttl === undefined) return undefined;
  const match = /^([1-9]\d{0,4})([mhd])$/.exec(ttl);
  if (!match) throw new Error('--ttl: a number with m, h or d behind it, such as 12h');
  const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? ''] ?? 0;
  return new Date(Date.now() + Number(match[1]) * unitMs);
}

export function required(value: string | undefined, option: string): string {
  if (!value) throw new Error(`${option} is missing`);
  return value;
}

export function show(options: Options, json: object, text: string): string {
  return options.json ? JSON.stringify(json) : text;
}
