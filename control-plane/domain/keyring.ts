import type { SigningKeyPair } from '../../proto/ts/wire/dsse.js';
import type { Trust } from '../../proto/ts/wire/trust.js';
import type { CertificateAuthority } from './certificates.js';

/** The installation's own keys, as they are at one moment: see domain/key-rotation.ts for their states. */
export interface Keyring {
  /** Issues the nodes' certificates: the active one. */
  readonly authority: CertificateAuthority;
  /** Issues the servers' own: the retiring one while there is one, since every agent believes that. */
  readonly serverAuthority: CertificateAuthority;
  /** What an agent is given to recognise each authority that it may be shown; with commas between. */
  readonly caPin: string;
  /** What agents believe, and servers of agents' certificates. */
  readonly trust: Trust;
  /** trustSha256 of it. */
  readonly trustSha256: Buffer;
  /** Those of the trust, oldest first. */
  readonly trustedAuthorities: readonly CertificateAuthority['certificate'][];
  /** All of them sign each bundle; the active one is the first. */
  readonly signingKeys: readonly [SigningKeyPair, ...SigningKeyPair[]];
  /** Ids of keys that were active before: a bundle of theirs is to be signed anew. */
  readonly formerSigningKeyIds: ReadonlySet<string>;
}

/** The keys of this replica, which change while it runs. */
export interface KeySource {
  readonly current: Keyring;
  /** Called after each change; returns how to stop that. */
  onChange(listener: () => void): () => void;
}
