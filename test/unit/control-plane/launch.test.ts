import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../../control-plane/launch.js';
import { ROOT } from '../../support/root.js';

it('the program, started by its name, is started as everywhere else', () => {
  const [first] = readFileSync(join(ROOT, 'control-plane/main.ts'), 'utf8').split('\n');
  const settings = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  expect(first).toBe(['#!/usr/bin/env -S', ...settings, 'node', ...NODE_FLAGS].join(' '));
});
