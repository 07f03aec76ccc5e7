/**
 * The closed list of error codes: what each means and what its receiver does next.
 */
interface ErrorCodeInfo {
  /** gRPC status name. */
  readonly grpc: GrpcStatusName;
  /** HTTP status. */
  readonly http: number;
  readonly meaning: string;
  readonly nextStep: string;
}

export type GrpcStatusName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'ABORTED'
  | 'UNAVAILABLE'
  | 'INTERNAL';

const info = (
  grpc: GrpcStatusName,
  http: number,
  meaning: string,
  nextStep: string,
): ErrorCodeInfo => ({ grpc, http, meaning, nextStep });

export const ERROR_CODES = {
  JOIN_TOKEN_MALFORMED: info(
    'INVALID_ARGUMENT',
    400,
    'the join token is not of the form bkh_jt_<id>_<secret>_<crc>, or its check sum is wrong',
    'copy the token again, whole',
  ),
  JOIN_TOKEN_UNKNOWN: info(
    'UNAUTHENTICATED',
    401,
    'no such join token, or its secret is wrong',
    'create a new join token',
  ),
  JOIN_TOKEN_EXPIRED: info(
    'UNAUTHENTICATED',
    401,
    'the join token is past its time',
    'create a new join token',
  ),
  JOIN_TOKEN_USED: info(
    'UNAUTHENTICATED',
    401,
    'the join token was redeemed as often as it may be',
    'create a new join token for this node',
  ),
  JOIN_TOKEN_REVOKED: info(
    'UNAUTHENTICATED',
    401,
    'the join token was revoked',
    'create a new join token',
  ),
  SERVICE_ACCOUNT_TOKEN_MALFORMED: info(
    'INVALID_ARGUMENT',
    400,
    'the service account token is no JSON Web Token',
    'check the path that the token is read from',
  ),
  SERVICE_ACCOUNT_TOKEN_UNKNOWN: info(
    'UNAUTHENTICATED',
    401,
    'the cluster believes no service account tokens, or none of this issuer and key',
    "check the cluster id; capture the issuer and the keys of the cluster's API server again",
  ),
  SERVICE_ACCOUNT_TOKEN_EXPIRED: info(
    'UNAUTHENTICATED',
    401,
    'the service account token is past its time',
    'read it again: kubelet renews it in its file',
  ),
  SERVICE_ACCOUNT_TOKEN_REFUSED: info(
    'PERMISSION_DENIED',
    403,
    'the service account token is genuine, but not what this cluster takes',
    'see the message',
  ),
  SERVICE_ACCOUNT_TOKEN_USED: info(
    'UNAUTHENTICATED',
    401,
    'a node has joined with this service account token already',
    'wait until kubelet has renewed it',
  ),
  CA_PIN_MISMATCH: info(
    'UNAUTHENTICATED',
    401,
    'the server shows a certificate authority other than the pinned one',
    'check the address and the pin; something may be listening in between',
  ),
  CSR_INVALID: info(
    'INVALID_ARGUMENT',
    400,
    'the certificate request is malformed, too large, badly signed or not EC P-256',
    'report it: the agent makes the request itself',
  ),
  CERTIFICATE_REQUIRED: info(
    'UNAUTHENTICATED',
    401,
    'the call needs a client certificate of this control plane',
    'join first',
  ),
  NODE_REVOKED: info(
    'PERMISSION_DENIED',
    403,
    'the node was removed or its certificate was revoked',
    'release it, or join again with a new token',
  ),
  NODE_QUARANTINED: info(
    'PERMISSION_DENIED',
    403,
    "two hold the node's key: an older certificate of it was used after a newer one",
    'find the copy, release the node, and join again',
  ),
  NODE_NAME_IN_USE: info(
    'FAILED_PRECONDITION',
    409,
    'a node of that name in the cluster was heard of in the last five minutes',
    'wait until it is silent for as long, or revoke it',
  ),
  BUNDLE_UNSIGNED: info(
    'FAILED_PRECONDITION',
    409,
    'the bundle carries no signature by a key that the agent knows',
    'check the signing keys; the former bundle stays in force',
  ),
  BUNDLE_SIGNATURE_INVALID: info(
    'FAILED_PRECONDITION',
    409,
    'a signature on the bundle does not fit its content',
    'the bundle was changed on its way; the former one stays in force',
  ),
  BUNDLE_MALFORMED: info(
    'FAILED_PRECONDITION',
    409,
    'the bundle cannot be unpacked or decoded, or is too large',
    'report it; the former bundle stays in force',
  ),
  BUNDLE_OLDER: info(
    'FAILED_PRECONDITION',
    409,
    'the bundle has a lower revision than the one in force',
    'assign the former version: a rollback is a higher revision with former content',
  ),
  BUNDLE_OTHER_CLUSTER: info(
    'FAILED_PRECONDITION',
    409,
    'the bundle was made for another tenant or cluster',
    'report it; the former bundle stays in force',
  ),
  BUNDLE_NOT_LOADED: info(
    'FAILED_PRECONDITION',
    409,
    'the bundle is good but the kernel did not take it',
    "see the message; the node's former bundle stays in force",
  ),
  BATCH_MALFORMED: info(
    'INVALID_ARGUMENT',
    400,
    'the batch lacks its name or its counts do not fit',
    'the batch is dropped and counted as lost',
  ),
  BATCH_TOO_LARGE: info(
    'INVALID_ARGUMENT',
    413,
    'the batch is larger than a batch may be',
    'the batch is dropped and counted as lost',
  ),
  POLICY_INVALID: info(
    'INVALID_ARGUMENT',
    422,
    'the policy has errors; all of them are listed',
    'mend them and send it again',
  ),
  UNAUTHENTICATED: info(
    'UNAUTHENTICATED',
    401,
    'no API key and no session, or one that is unknown, expired or revoked',
    'send Authorization: Bearer bkh_ak_..., or log in again',
  ),
  CSRF_REFUSED: info(
    'PERMISSION_DENIED',
    403,
    'a change was asked for by cookie alone, without proof that a page of this origin asks',
    'send x-bulkhead-csrf with the token of GET /auth/session, from the origin of BULKHEAD_PUBLIC_URL',
  ),
  LOGIN_REFUSED: info(
    'PERMISSION_DENIED',
    403,
    'the login was not completed',
    'begin again; where it repeats, ask an administrator of the tenant',
  ),
  PERMISSION_DENIED: info(
    'PERMISSION_DENIED',
    403,
    'the caller may not do this',
    'ask for a role that may',
  ),
  TENANT_SUSPENDED: info(
    'PERMISSION_DENIED',
    403,
    'the tenant is suspended: its keys and members are refused, nobody joins; its nodes go on',
    'ask whoever runs this control plane',
  ),
  NOT_FOUND: info('NOT_FOUND', 404, 'there is no such thing for this caller', 'check the id'),
  CONFLICT: info(
    'ALREADY_EXISTS',
    409,
    'it exists already, or was changed in between',
    'read it again and repeat',
  ),
  FROZEN: info(
    'FAILED_PRECONDITION',
    409,
    'a freeze window holds a cluster that this would change',
    'wait until it is over; an owner or admin may override it',
  ),
  LAST_OWNER: info(
    'FAILED_PRECONDITION',
    409,
    'the tenant would have no member left who is an owner of all its clusters',
    'make another owner first',
  ),
  PRECONDITION_FAILED: info(
    'ABORTED',
    412,
    'the thing is not in the state that If-Match names',
    'read it again, and repeat with its new ETag',
  ),
  IDEMPOTENCY_KEY_REUSED: info(
    'INVALID_ARGUMENT',
    422,
    'the Idempotency-Key was used for another request',
    'make a new key for a new request',
  ),
  INVALID_ARGUMENT: info(
    'INVALID_ARGUMENT',
    400,
    'the request does not have the form that its documentation gives',
    'see the message',
  ),
  PAYLOAD_TOO_LARGE: info(
    'INVALID_ARGUMENT',
    413,
    'the request is larger than it may be',
    'send less at once',
  ),
  RESOURCE_EXHAUSTED: info(
    'RESOURCE_EXHAUSTED',
    429,
    'a limit of this tenant or server is reached',
    'wait as long as the answer says and repeat; where the message names a quota, make room or ask for more',
  ),
  UNAVAILABLE: info(
    'UNAVAILABLE',
    503,
    'the server cannot do it now',
    'repeat after a while, with backoff',
  ),
  INTERNAL: info(
    'INTERNAL',
    500,
    'a defect on the server; its log has the cause under the request id',
    'report it with the request id',
  ),
} as const satisfies Record<string, ErrorCodeInfo>;

/** The metadata of a refused call that says when it may be repeated: seconds. */
export const RETRY_AFTER = 'bulkhead-retry-after';

export type ErrorCode = keyof typeof ERROR_CODES;

/** The one error type that crosses a border; `cause` stays in the log. */
export class BulkheadError extends Error {
  readonly code: ErrorCode;
  /** More for the caller, JSON-serialisable; never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message?: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message ?? ERROR_CODES[code].meaning, { cause: options.cause });
    this.name = 'BulkheadError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}
