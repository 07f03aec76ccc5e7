import type { HookFacts, LossFacts } from './node-info.js';

/** What is news about a node: what is absent stays as it is. */
export interface NodeReport {
  /** Of a Hello: from then on the node is active. */
  readonly machine?: {
    readonly kernelRelease: string;
    readonly architecture: string;
    readonly agentVersion: string;
    readonly kubernetesVersion: string | undefined;
  };
  readonly hooks?: readonly HookFacts[];
  readonly appliedRevision?: number;
  /** That revision came into force just now. */
  readonly isApplied?: true;
  /** null: what it refused before no longer counts. */
  readonly lastNack?: {
    readonly revision: number;
    readonly code: string;
    readonly message: string;
    /** RFC 3339 */
    readonly at: string;
  } | null;
  readonly losses?: LossFacts;
  /** 32 bytes. A Hello without it: the node does not say. */
  readonly trustSha256?: Uint8Array;
  /** The pin of the authority that issued the certificate it shows. */
  readonly certificateAuthority?: string;
}

/** With when it was heard, in milliseconds of performance.now(). */
export interface HeardReport extends NodeReport {
  readonly heardAt: number;
}

type Waiting = Map<string, HeardReport>;

/**
 * Reports that wait to be written, of each tenant's nodes one: a later one adds to and takes the place of
 * an earlier one. So their number is bound by that of the nodes, however long the database is away.
 */
export class ReportQueue {
  readonly #tenants = new Map<string, Waiting>();
  readonly #urgent = new Set<string>();

  /** Urgent: somebody waits to see it. */
  add(tenantId: string, nodeId: string, report: HeardReport, isUrgent: boolean): void {
    const waiting: Waiting = this.#tenants.get(tenantId) ?? new Map();
    this.#tenants.set(tenantId, waiting.set(nodeId, { ...waiting.get(nodeId), ...report }));
    if (isUrgent) this.#urgent.add(tenantId);
  }

  /** Of a write that failed: behind what came since. */
  putBack(tenantId: string, reports: ReadonlyMap<string, HeardReport>): void {
    const waiting: Waiting = new Map(reports);
    for (const [nodeId, report] of this.#tenants.get(tenantId) ?? []) {
      waiting.set(nodeId, { ...waiting.get(nodeId), ...report });
    }
    this.#tenants.set(tenantId, waiting);
  }

  tenants(which: 'all' | 'urgent'): string[] {
    return [...(which === 'all' ? this.#tenants.keys() : this.#urgent)];
  }

  take(tenantId: string): ReadonlyMap<string, HeardReport> {
    const waiting: Waiting = this.#tenants.get(tenantId) ?? new Map();
    this.#tenants.delete(tenantId);
    this.#urgent.delete(tenantId);
    return waiting;
  }
}
