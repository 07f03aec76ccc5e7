import { BulkheadError } from '../../proto/ts/wire/errors.js';

/** Why a login was refused, for the log and the metrics: a closed list. The person is told no more. */
export const LOGIN_REFUSALS = {
  'link-unknown': 'the link was used already, is past its time, or never was',
  'no-provider': 'there is no such identity provider to log in with',
  'attempt-unknown':
    'this login was completed already, was begun in another browser, or never was begun',
  'attempt-expired': 'this login took longer than ten minutes',
  'provider-denied': 'the identity provider did not let you in',
  'provider-unreachable': 'the identity provider cannot be reached, or is not what it should be',
  'provider-invalid': 'the answer of the identity provider does not hold',
  'no-email': 'the identity provider says no address of mail',
  'email-unverified': 'the identity provider does not say that your address of mail is yours',
  'email-taken': 'your address of mail is that of a member who logs in as somebody else',
  'not-a-member': 'you are no member of this tenant',
  'no-role': 'none of your groups has a role here',
  'owner-elsewhere': 'owners do not log in with this identity provider',
  'member-disabled': 'the member is disabled',
} as const;
export type LoginRefusal = keyof typeof LOGIN_REFUSALS;

/** `cause` goes to the log. */
export function loginRefused(reason: LoginRefusal, cause?: unknown): BulkheadError {
  return new BulkheadError('LOGIN_REFUSED', LOGIN_REFUSALS[reason], { cause, details: { reason } });
}

/** What stands behind the # never leaves the browser by itself: neither a server nor its log sees it. */
export const loginLinkUrl = (publicUrl: string, token: string) => `${publicUrl}/auth/link#${token}`;

/** Who an identity provider says that somebody is. */
export interface Person {
  /** In lower case. */
  readonly email: string | undefined;
  readonly isEmailVerified: boolean;
  readonly name: string | undefined;
  readonly groups: ReadonlySet<string>;
}

const EMAIL = /^[^\p{C}\s@]+@[^\p{C}\s@]+$/u;
/** Their lower case is a letter of ASCII: with them another address would be taken for one without. */
const FOLDS_TO_ASCII = /[\u0130\u212a]/;
const EMAIL_MAX_BYTES = 254;
const NAME_MAX = 253;
const UNPRINTABLE = /\p{C}/gu;

/** Claims are JSON that the provider made: what has not its form is not there. */
export function personFromClaims(
  names: Readonly<Record<'email' | 'emailVerified' | 'name' | 'groups', string>>,
  claims: Readonly<Record<string, unknown>>,
): Person {
  const claim = (name: string) => (Object.hasOwn(claims, name) ? claims[name] : undefined);
  const email = claim(names.email);
  const verified = claim(names.emailVerified);
  const name = claim(names.name);
  const groups = claim(names.groups);
  return {
    email: isEmail(email) ? email.toLowerCase() : undefined,
    // Some say it as text.
    isEmailVerified: verified === true || verified === 'true',
    name:
      typeof name === 'string'
        ? name.replaceAll(UNPRINTABLE, '').trim().slice(0, NAME_MAX) || undefined
        : undefined,
    groups: new Set([groups].flat().filter((group) => typeof group === 'string')),
  };
}

/** The first that fits, so that the order says which of two groups counts. */
export function roleFromGroups<Entry extends { readonly group: string }>(
  groupRoles: readonly Entry[],
  groups: ReadonlySet<string>,
): Entry | undefined {
  return groupRoles.find(({ group }) => groups.has(group));
}

function isEmail(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    EMAIL.test(value) &&
    !FOLDS_TO_ASCII.test(value) &&
    Buffer.byteLength(value) <= EMAIL_MAX_BYTES
  );
}
