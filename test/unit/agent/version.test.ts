import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { AGENT_VERSION } from '../../../node-agent/version.js';
import { ROOT } from '../../support/sources.js';

it('the agent says the version of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(AGENT_VERSION).toBe(version);
});
