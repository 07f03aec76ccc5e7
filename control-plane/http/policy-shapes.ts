import { Type } from 'typebox';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { oneOf } from './schemas.js';

/** As JSON, or as application/yaml the document itself. */
export const Source = Type.String({
  minLength: 1,
  maxLength: LIMITS.policyDocumentBytes,
  description: 'YAML.',
});

export const VersionNumber = Type.Integer({ minimum: 1, maximum: 999_999_999 });

/** Where they stand in the document, from 1. */
export const POLICY_PROBLEMS = Type.Array(
  Type.Object(
    {
      code: Type.String(),
      severity: oneOf(['error', 'warning']),
      message: Type.String(),
      line: Type.Integer({ minimum: 1 }),
      column: Type.Integer({ minimum: 1 }),
    },
    { title: 'PolicyProblem' },
  ),
);
