import type { ExecutableOrigin, Operation } from './model.js';

/** A path as the kernel has it: bytes, or text that stands for its UTF-8 bytes. */
export type PathBytes = Uint8Array | string;

/** Where the target of a file operation lies: in the container's root, on a volume, or a file mounted alone. */
export type TargetVolume = 'none' | 'directory' | 'file';

/** One act, as policies see it. undefined: it could not be read, so what asks for it is undecided. */
export interface PolicyEvent {
  /** All that the act is, of one section. */
  readonly operations: readonly Operation[];
  /** exec: the file that is about to run; else the executable of the process that acts. */
  readonly executable?: PathBytes | undefined;
  readonly parentExecutable?: PathBytes | undefined;
  readonly targetPath?: PathBytes | undefined;
  readonly targetVolume?: TargetVolume | undefined;
  /** exec and load: of the file judged; fork: of the process' executable. */
  readonly origin?: ExecutableOrigin | undefined;
  readonly args?: readonly string[] | undefined;
  /** As the host counts. */
  readonly userId?: number | undefined;
  /** The effective set: bit n is the kernel's capability n. */
  readonly capabilities?: bigint | undefined;
  readonly interactive?: boolean | undefined;
}
