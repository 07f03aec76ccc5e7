import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import {
  PERMISSION_SCOPES,
  ROLE_PERMISSIONS,
  ROUTE_ACCESS,
} from '../../../control-plane/http/access.js';
import { ERROR_CODES } from '../../../proto/ts/wire/errors.js';
import { ROOT } from '../../support/sources.js';

const readme = readFileSync(join(ROOT, 'control-plane/http/README.md'), 'utf8');
const rows = (pattern: RegExp) => [...readme.matchAll(pattern)].map((match) => match.slice(1));

it('documents every route with its permission, and no other', () => {
  expect(rows(/^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \| ([^ ]+) \|/gm)).toEqual(
    Object.entries(ROUTE_ACCESS),
  );
});

it('documents what each role may do, and how far it reaches', () => {
  const roles = Object.entries(ROLE_PERMISSIONS);
  expect(rows(/^\| permission \| reach \| (.+) \|$/gm)).toEqual([
    [roles.map(([role]) => role).join(' | ')],
  ]);
  const cells = rows(/^\| ([a-z-]+:[a-z]+) \| (cluster|tenant|platform) \|(.*)\|$/gm);
  expect(cells.map(([permission, reach, marks]) => [permission, reach, marks?.split('|')])).toEqual(
    Object.entries(PERMISSION_SCOPES).map(([permission, reach]) => [
      permission,
      reach,
      roles.map(([, held]) => (held.some((one) => one === permission) ? ' x ' : ' ')),
    ]),
  );
});

it('documents every error code as it is, and no other', () => {
  expect(rows(/^\| `([A-Z_]+)` \| (\d+) \| (\w+) \| (.+?) \| (.+?) \|$/gm)).toEqual(
    Object.entries(ERROR_CODES).map(([code, { http, grpc, meaning, nextStep }]) => [
      code,
      String(http),
      grpc,
      meaning,
      nextStep,
    ]),
  );
});
