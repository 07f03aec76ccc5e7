import { Type } from 'typebox';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import type { PolicyVersion } from '../store/policies.js';
import { Id, Instant, oneOf, Sha256, toJson } from './schemas.js';

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

export const VERSION_SUMMARY = {
  policyId: Id,
  version: Type.Integer(),
  sha256: Type.Unsafe<string>({ ...Sha256, description: 'Of what the document means.' }),
  createdBy: Type.String(),
  createdAt: Instant,
};
export const WHOLE_VERSION = { ...VERSION_SUMMARY, source: Source };
export const AddedPolicyVersion = Type.Object(
  { ...WHOLE_VERSION, warnings: POLICY_PROBLEMS },
  { title: 'AddedPolicyVersion' },
);

export function versionToJson({ normalised: _normalised, ...version }: PolicyVersion) {
  return toJson(version);
}
