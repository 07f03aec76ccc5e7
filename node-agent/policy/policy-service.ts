import type { Logger } from 'pino';
import type { BundledPolicy, PolicyBundle } from '../../proto/ts/policy/model.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { readFileIfPresent, writeFileAtomic } from '../files.js';
import { type BundleTrust, verifyBundle } from './bundle-verifier.js';

export interface PolicyServiceOptions {
  /** The last bundle that was in force, as it travelled. */
  readonly bundlePath: string;
  readonly enforcement: { applyPolicies(policies: readonly BundledPolicy[]): void };
  /** Asked anew for each bundle: keys change while the agent runs. undefined: it has not joined. */
  readonly trust: () => BundleTrust | undefined;
  readonly log: Logger;
}

/** A bundle as the stream brings it. */
export interface OfferedBundle {
  readonly revision: bigint;
  readonly envelopeGzip: Uint8Array;
}

/** Takes bundles from the control plane, one after the other, and keeps the last good one. */
export class PolicyService {
  readonly #options: PolicyServiceOptions;
  #applied: PolicyBundle | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: PolicyServiceOptions) {
    this.#options = options;
  }

  /** The revision in force; 0n: none, or one of a cluster that this node was in before. */
  get appliedRevision(): bigint {
    const trust = this.#options.trust();
    return this.#applied?.clusterId === trust?.clusterId ? (this.#applied?.revision ?? 0n) : 0n;
  }

  /** Puts the last good bundle of a former process in force again, verified anew. */
  async restore(): Promise<void> {
    const { bundlePath, enforcement, log } = this.#options;
    const trust = this.#options.trust();
    if (trust === undefined) return;
    const stored = await readFileIfPresent(bundlePath);
    if (stored === undefined) return;
    try {
      const bundle = await verifyBundle(stored, trust);
      enforcement.applyPolicies(bundle.policies);
      this.#applied = bundle;
      log.info({ revision: `${bundle.revision}` }, 'the last good policies are in force');
    } catch (error) {
      log.error({ err: error }, 'the last good policies cannot be used; waiting for new ones');
    }
  }

  /**
   * Verifies the bundle and puts it in force; the same revision again changes nothing.
   * @throws BulkheadError of the BUNDLE_ codes: what was in force is still
   */
  apply(offered: OfferedBundle): Promise<void> {
    const next = this.#queue.then(() => this.#apply(offered));
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #apply(offered: OfferedBundle): Promise<void> {
    const { bundlePath, enforcement, log } = this.#options;
    const trust = this.#options.trust();
    if (trust === undefined) throw new BulkheadError('BUNDLE_OTHER_CLUSTER');
    const bundle = await verifyBundle(offered.envelopeGzip, trust);
    checkRevision(bundle, offered, this.appliedRevision);
    if (bundle.revision === this.appliedRevision) return;
    enforcement.applyPolicies(bundle.policies);
    this.#applied = bundle;
    log.info({ revision: `${bundle.revision}`, policies: bundle.policies.length }, 'in force');
    try {
      await writeFileAtomic(bundlePath, offered.envelopeGzip);
    } catch (error) {
      // It is in force all the same; a restart falls back to the former one until it is sent again.
      log.error({ err: error }, 'the policies in force cannot be kept on disk');
    }
  }
}

function checkRevision(bundle: PolicyBundle, offered: OfferedBundle, applied: bigint): void {
  if (bundle.revision !== offered.revision || bundle.revision < 1n) {
    throw new BulkheadError('BUNDLE_MALFORMED', 'the bundle has another revision than announced');
  }
  if (bundle.revision < applied) {
    throw new BulkheadError('BUNDLE_OLDER', undefined, {
      details: { revision: `${bundle.revision}`, applied: `${applied}` },
    });
  }
}
