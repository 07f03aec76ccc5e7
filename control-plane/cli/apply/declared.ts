import type { LoadedPolicy } from '../policy/documents.js';

export const API_VERSION = 'bulkhead.io/v1';
/** In the order in which they are made: what others need comes first. */
export const KINDS = ['Cluster', 'Policy', 'Assignment', 'Webhook'] as const;
export type Kind = (typeof KINDS)[number];

/** Where a document begins. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

interface Common {
  /** Of the thing; unique in its kind. */
  readonly name: string;
  readonly origin: Origin;
}

export interface DeclaredPolicy extends Common {
  readonly kind: 'Policy';
  readonly source: string;
  /** Of what it means. */
  readonly sha256: string;
  readonly loaded: LoadedPolicy;
}

export interface DeclaredCluster extends Common {
  readonly kind: 'Cluster';
  /** undefined: they stay. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

export interface DeclaredWebhook extends Common {
  readonly kind: 'Webhook';
  readonly url: string;
  /** Where the URL comes from; it is a secret then, and is not shown. */
  readonly urlFrom: string | undefined;
  readonly enabled: boolean | undefined;
  /** A file that is made for the secret of a new webhook. */
  readonly secretFile: string | undefined;
}

export interface DeclaredAssignment extends Common {
  readonly kind: 'Assignment';
  /** Its name. */
  readonly policy: string;
  /** undefined: the latest. */
  readonly version: number | undefined;
  /** A selector as text; '' is every cluster. */
  readonly clusters: string;
  readonly mode: 'observe' | 'enforce';
  readonly priority: number;
}

/** What a document says is to be there. */
export type Declared = DeclaredPolicy | DeclaredCluster | DeclaredAssignment | DeclaredWebhook;
