import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';

/** What this machine lacks to run containers under our programs; undefined: nothing. */
export function missingForContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'needs a kernel with BTF';
  const programs = ['containerd', 'runc', 'busybox'].filter((name) => !isOnPath(name));
  return programs.length > 0 ? `needs ${programs.join(', ')}` : undefined;
}

/** A describe that is skipped, with the reason in its title, where the machine lacks something. */
export function describeOnKernel(title: string, body: () => void): void {
  const missing = missingForContainers();
  if (missing) describe.skip(`${title} (skipped: ${missing})`, body);
  else describe(title, body);
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
