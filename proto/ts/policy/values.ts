import type { ProblemCode } from './problems.js';

export interface Fault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
}

/** undefined: the value is good. */
export type ValueCheck = (value: string) => Fault | undefined;

const GLOB = /[*?[\]{}\\]/;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$/;
const IPV6_HOST = /^\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?$/;
/** A component of an image's path: runs of lower case letters and digits between separators. */
const COMPONENT = /^[a-z0-9]+(?:(?:[._-]|__|--+)[a-z0-9]+)*$/;

/** registry/path */
export function checkImageFullName(value: string): Fault | undefined {
  const [host = '', ...components] = value.split('/');
  if (IPV6_HOST.test(host)) return checkComponents(value, components);
  const fault = checkUnsupported(value);
  if (fault) return fault;
  if (components.length === 0) {
    const hint = `write docker.io/library/${value} or use containerImageName`;
    const message = 'an image name in full has a registry and a path';
    return { code: 'POLICY_BAD_VALUE', message, hint };
  }
  return HOST.test(host) ? checkComponents(value, components) : badName();
}

/** The last component of the path. */
export function checkImageName(value: string): Fault | undefined {
  if (value.includes('/')) {
    const hint = 'use containerImageFullName';
    return { code: 'POLICY_BAD_VALUE', message: 'an image base name has no /', hint };
  }
  return checkUnsupported(value) ?? checkComponents(value, [value]);
}

/** The language has globs, tags and digests in image names; this version does not. */
function checkUnsupported(value: string): Fault | undefined {
  if (GLOB.test(value)) {
    return { code: 'POLICY_UNSUPPORTED', message: 'globs in image names are not supported yet' };
  }
  const base = value.slice(value.lastIndexOf('/') + 1);
  if (/[:@]/.test(base)) {
    const message = 'tags and digests in image names are not supported yet';
    return { code: 'POLICY_UNSUPPORTED', message, hint: 'leave out what follows the name' };
  }
  return undefined;
}

function checkComponents(value: string, components: readonly string[]): Fault | undefined {
  const fault = components.every((component) => COMPONENT.test(component));
  return fault && components.length > 0 ? undefined : (checkUnsupported(value) ?? badName());
}

function badName(): Fault {
  return { code: 'POLICY_BAD_VALUE', message: 'this is not the name of an image' };
}
