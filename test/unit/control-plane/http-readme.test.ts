import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ROUTE_ACCESS } from '../../../control-plane/http/access.js';
import { ERROR_CODES } from '../../../proto/ts/wire/errors.js';
import { ROOT } from '../../support/sources.js';

const readme = readFileSync(join(ROOT, 'control-plane/http/README.md'), 'utf8');
const rows = (pattern: RegExp) => [...readme.matchAll(pattern)].map((match) => match.slice(1));

it('documents every route with its permission, and no other', () => {
  expect(rows(/^\| `((?:GET|POST|PATCH|DELETE) [^`]+)` \| ([^ ]+) \|/gm)).toEqual(
    Object.entries(ROUTE_ACCESS),
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
