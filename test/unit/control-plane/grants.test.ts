import { expect, it } from '@jest/globals';
import { selectorFromText } from '../../../control-plane/domain/label-selector.js';
import { type Grant, mayGrant } from '../../../control-plane/http/access.js';
import type { Role } from '../../../control-plane/store/api-keys.js';

const grant = (role: Role, clusters?: string): Grant => ({
  role,
  ...(clusters !== undefined && { clusters: selectorFromText('clusters', clusters) }),
});

it.each<[Grant, Grant, boolean]>([
  [grant('owner'), grant('owner'), true],
  [grant('admin'), grant('owner'), false],
  [grant('admin'), grant('admin'), true],
  [grant('admin'), grant('viewer', 'env=prod'), true],
  [grant('operator'), grant('viewer'), true],
  [grant('operator'), grant('policy-author'), false],
  // Nobody who is limited grants more clusters than are theirs.
  [grant('owner', 'env=prod'), grant('viewer'), false],
  [grant('owner', 'env=prod'), grant('viewer', 'env=dev'), false],
  [grant('owner', 'env=prod'), grant('viewer', 'env in (prod,dev)'), false],
  [grant('owner', 'env=prod'), grant('viewer', 'team=a'), false],
  [grant('owner', 'env=prod'), grant('viewer', 'env=prod'), true],
  [grant('owner', 'env=prod'), grant('viewer', 'team=a,env=prod'), true],
  [grant('viewer', 'env=prod'), grant('operator', 'env=prod'), false],
])('%j grants %j: %s', (granter, granted, may) => {
  expect(mayGrant(granter, granted)).toBe(may);
});
