import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { probe } from '../../node-agent/native/native.js';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';
import { buildActs } from './acts.js';
import { KERNEL_CASES, type KernelCase } from './cases.js';
import { Stage } from './stage.js';

/** The differential case takes 15 s on a machine that is quiet. */
const LIMIT_MS = 180_000;

describeOnKernel("on this machine's kernel", () => {
  const acts = mkdtempSync(join(tmpdir(), 'bulkhead-acts-'));

  beforeAll(() => buildActs(join(ROOT, 'test/kernel/acts'), acts));
  afterAll(() => rmSync(acts, { recursive: true }));

  const present = probe().hooks.filter(({ backend }) => backend !== 'none');
  const isPossible = ({ hooks = [] }: KernelCase) =>
    hooks.every((name) => present.some(({ hook }) => hook === name));

  it.each(KERNEL_CASES.filter(isPossible))(
    '$name',
    async ({ run }) => {
      const stage = await Stage.open(acts);
      try {
        expect(stage.backend).not.toBe('none');
        await run(stage);
      } finally {
        stage.close();
      }
    },
    LIMIT_MS,
  );
});
