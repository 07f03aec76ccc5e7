import { describe, expect, it } from '@jest/globals';
import { CONFIG_HELP, ConfigError, readConfig } from '../../../node-agent/config.js';

describe('the settings of the agent', () => {
  it('have defaults', () => {
    expect(readConfig({})).toMatchObject({
      controlPlane: undefined,
      stateDirectory: '/var/lib/bulkhead-agent',
      containerCgroups: ['/kubepods.slice', '/kubepods', '/k8s.io'],
      detachOnExit: false,
    });
  });

  it('are read from the environment', () => {
    expect(
      readConfig({
        BULKHEAD_CONTROL_PLANE: '[::1]:8443',
        BULKHEAD_CONTAINER_CGROUPS: '/a, /b/c',
        BULKHEAD_BACKENDS: 'lsm,signal',
        BULKHEAD_DETACH_ON_EXIT: 'true',
      }),
    ).toMatchObject({
      controlPlane: { host: '::1', port: 8443 },
      containerCgroups: ['/a', '/b/c'],
      backends: ['lsm', 'signal'],
      detachOnExit: true,
    });
  });

  it('name a service account whole, and not beside a join token', () => {
    const clusterId = '22222222-2222-4222-8222-222222222222';
    const whole = {
      BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE: '/var/run/secrets/bulkhead/token',
      BULKHEAD_CLUSTER_ID: clusterId,
    };
    // The file need not be there yet.
    expect(readConfig(whole)).toMatchObject({
      serviceAccount: { clusterId, tokenFile: '/var/run/secrets/bulkhead/token' },
    });
    for (const wrong of [
      { BULKHEAD_CLUSTER_ID: clusterId },
      { ...whole, BULKHEAD_CLUSTER_ID: undefined },
      { ...whole, BULKHEAD_CLUSTER_ID: 'production' },
      { ...whole, BULKHEAD_JOIN_TOKEN: 'bkh_jt_secret' },
    ]) {
      expect(() => readConfig(wrong)).toThrow(/BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE/);
    }
  });

  it('tell every problem at once, and never a secret', () => {
    const wrong = {
      BULKHEAD_CONTROL_PLANE: 'nowhere',
      BULKHEAD_CA_PIN: 'sha256:short',
      BULKHEAD_CONTAINER_CGROUPS: '/ok,relative,/../up',
      BULKHEAD_BACKENDS: 'kprobe',
      BULKHEAD_SPOOL_BYTES: '1',
      BULKHEAD_DETACH_ON_EXIT: 'yes',
      BULKHEAD_LOG_LEVEL: 'loud',
      BULKHEAD_KUBERNETES_VERSION: '1.31',
      BULKHEAD_JOIN_TOKEN: 'bkh_jt_secret',
      BULKHEAD_JOIN_TOKEN_FILE: '/does/not/exist',
    };
    let error: unknown;
    try {
      readConfig(wrong);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof ConfigError)) throw new Error('no ConfigError');
    expect(error.problems).toHaveLength(10);
    expect(error.message).not.toContain('bkh_jt_secret');
    for (const name of Object.keys(wrong)) {
      if (name !== 'BULKHEAD_JOIN_TOKEN') expect(error.message).toContain(name);
    }
  });

  it('are all in the help', () => {
    const names = [...String(readConfig).matchAll(/BULKHEAD_[A-Z_]+/g)].map((match) => match[0]);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(CONFIG_HELP).toContain(name);
  });
});
