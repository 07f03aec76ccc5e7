import { escapeGlob, expandBraces, GlobFault, hasGlob, normaliseGlob } from './glob.js';
import { nearest, type TextForm, WORKLOAD_KINDS } from './language.js';
import type { ProblemCode } from './problems.js';

export interface Fault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
}

export interface ReadValue {
  /** In their normal form; more than one where there are alternatives in braces. */
  readonly values: readonly string[];
  readonly warning?: Fault;
}

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$/;
/** In brackets, which are no class. */
const IPV6_HOST = /^\[[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\](?::[0-9]{1,5})?(?=\/)/;
/** A component of an image's path: runs of lower case letters and digits between separators. */
const COMPONENT = /^[a-z0-9]+(?:(?:[._-]|__|--+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DOCKER = 'docker.io';
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ASCII = /^[ -~]*$/;
/** What no file name, argument or name of Kubernetes can hold. */
const IMPOSSIBLE = /\0|\p{Surrogate}/u;
/** Empty, . and .. components, and a / at the end: the kernel's paths have none of them. */
const NO_PATH = /\/\/|\/\.\.?(?:\/|$)|.\/$/;

const EMPTY: Fault = { code: 'POLICY_BAD_VALUE', message: 'the value is empty' };

/** Reads one value of a text condition. */
export function readTextValue(text: string, form: TextForm): ReadValue | Fault {
  if (text === '' && form !== 'argument') return EMPTY;
  if (!ASCII.test(text) && IMPOSSIBLE.test(text)) {
    return { code: 'POLICY_BAD_VALUE', message: 'the value holds what no name can hold' };
  }
  if (form === 'exact') return { values: [text] };
  if (form === 'fileName') return readFileName(text);
  if (form === 'imageDigest') return readDigest(text);
  return readAlternatives(text, form);
}

function readAlternatives(text: string, form: TextForm): ReadValue | Fault {
  const alternatives = expandBraces(text);
  if (alternatives instanceof GlobFault) return badGlob(alternatives);
  const values: string[] = [];
  let warning: Fault | undefined;
  for (const alternative of alternatives) {
    // Nothing but an argument is ever empty, so an empty alternative says nothing.
    if (alternative === '' && form !== 'argument' && form !== 'path') continue;
    const value = readOne(alternative, form);
    if (typeof value !== 'string') return value;
    values.push(value);
    if (form === 'path' && NO_PATH.test(value)) {
      const message = 'a path never has an empty component, . or .., nor a / at its end';
      warning = { code: 'POLICY_NEVER_MATCHES', message };
    }
  }
  return values.length === 0 ? EMPTY : { values, ...(warning && { warning }) };
}

function readOne(text: string, form: TextForm): string | Fault {
  switch (form) {
    case 'path':
      return readPath(text);
    case 'label':
      return readLabel(text);
    case 'workload':
      return readWorkload(text);
    case 'imageTag':
      return readTag(text);
    case 'imageFullName':
      return readImage(text, readFullName);
    case 'imageName':
      return readImage(text, readBaseName);
    default:
      return readGlob(text, 'name');
  }
}

/** `plain` reads what is no pattern, also what was only written as one: a normal form stands for itself. */
function readGlob(
  text: string,
  kind: 'path' | 'name',
  plain: (text: string) => string | Fault = (same) => same,
): string | Fault {
  const normal = normaliseGlob(text, kind);
  if (normal instanceof GlobFault) return badGlob(normal);
  return hasGlob(normal) ? normal : plain(normal);
}

function readPath(text: string): string | Fault {
  if (text.startsWith('/')) return readGlob(text, 'path');
  // `\/` and `[/]` mean / too, but nobody writes them.
  const hint = `write /${text.slice(0, 60)} or /**/${text.slice(0, 60)}`;
  return { code: 'POLICY_RELATIVE_PATH', message: 'a path begins with /', hint };
}

function readFileName(text: string): ReadValue | Fault {
  if (!text.includes('/')) return { values: [text] };
  const hint = 'use processExecutable for a path';
  return { code: 'POLICY_BAD_VALUE', message: 'the name of a file has no /', hint };
}

function readDigest(text: string): ReadValue | Fault {
  if (DIGEST.test(text)) return { values: [text] };
  const message = 'a digest is sha256: and 64 hexadecimal digits in lower case';
  return { code: 'POLICY_BAD_VALUE', message };
}

function readLabel(text: string): string | Fault {
  const at = text.indexOf(':');
  if (at < 1) {
    const hint = `write ${text.slice(0, 60)}:* for any value`;
    return { code: 'POLICY_BAD_VALUE', message: 'a label is written key:value', hint };
  }
  return join(readGlob(text.slice(0, at), 'name'), ':', readGlob(text.slice(at + 1), 'name'));
}

function readWorkload(text: string): string | Fault {
  const [kind = '', name, ...more] = text.split('/');
  const kinds: readonly string[] = WORKLOAD_KINDS;
  if (kind === '' || !name || more.length > 0) {
    const hint = 'as in Deployment/web';
    return { code: 'POLICY_BAD_VALUE', message: 'a workload is written Kind/name', hint };
  }
  const plain = (word: string): string | Fault => {
    if (kinds.includes(word)) return word;
    const hint = `did you mean ${nearest(word, kinds) ?? kinds.join(', ')}?`;
    return { code: 'POLICY_BAD_VALUE', message: 'this is no kind that owns pods', hint };
  };
  return join(readGlob(kind, 'name', plain), '/', readGlob(name, 'name'));
}

function readTag(text: string): string | Fault {
  return readGlob(text, 'name', (tag) =>
    TAG.test(tag) ? tag : { code: 'POLICY_BAD_VALUE', message: 'this is not the tag of an image' },
  );
}

export interface ImageText {
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** name, then maybe :tag, then maybe @digest. */
export function splitImage(text: string): ImageText {
  const at = text.indexOf('@');
  const rest = at === -1 ? text : text.slice(0, at);
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  return {
    name: colon === -1 ? rest : rest.slice(0, colon),
    tag: colon === -1 ? undefined : rest.slice(colon + 1),
    digest: at === -1 ? undefined : text.slice(at + 1),
  };
}

/** Both sides of the first separator. */
export function splitPair(text: string, separator: ':' | '/'): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function readImage(text: string, readName: (name: string) => string | Fault): string | Fault {
  const { name, tag, digest } = splitImage(text);
  let read = readName(name);
  if (tag !== undefined) read = join(read, ':', readTag(tag));
  if (digest === undefined) return read;
  const digestRead = readDigest(digest);
  return 'code' in digestRead ? digestRead : join(read, '@', digest);
}

/** registry/path */
function readFullName(name: string): string | Fault {
  const [ipv6] = IPV6_HOST.exec(name) ?? [];
  if (ipv6 !== undefined) {
    const path = name.slice(ipv6.length + 1);
    return join(escapeGlob(ipv6), '/', readGlob(path, 'path', checkComponents));
  }
  // An IPv6 registry in its normal form.
  if (name.startsWith('\\[')) {
    const literal = readFullName(name.slice(1));
    if (typeof literal === 'string' && literal === name) return literal;
  }
  const read = readGlob(name, 'path', readPlainFullName);
  if (typeof read !== 'string' || read.includes('/') || read.includes('**')) return read;
  const message = 'an image name in full has a registry and a path, which * does not run across';
  return { code: 'POLICY_BAD_VALUE', message, hint: 'write ** or use containerImageName' };
}

function readPlainFullName(name: string): string | Fault {
  const [host = '', ...components] = name.split('/');
  if (components.length === 0) {
    const hint = `write docker.io/library/${name.slice(0, 60)} or use containerImageName`;
    const message = 'an image name in full has a registry and a path';
    return { code: 'POLICY_BAD_VALUE', message, hint };
  }
  if (!HOST.test(host)) return badName();
  // As every runtime reads it (distribution/reference, ParseNormalizedNamed).
  if (!/[.:A-Z]/.test(host) && host !== 'localhost')
    return join(DOCKER, '/', checkComponents(name));
  const path = components.join('/');
  const isDocker = host === DOCKER || host === 'index.docker.io';
  const library = isDocker && components.length === 1 ? 'library/' : '';
  return join(isDocker ? DOCKER : host, '/', join(library, '', checkComponents(path)));
}

/** The last component of the path. */
function readBaseName(name: string): string | Fault {
  if (name.includes('/')) {
    const hint = 'use containerImageFullName';
    return { code: 'POLICY_BAD_VALUE', message: 'an image base name has no /', hint };
  }
  return readGlob(name, 'path', checkComponents);
}

function checkComponents(path: string): string | Fault {
  return path.split('/').every((component) => COMPONENT.test(component)) ? path : badName();
}

function badName(): Fault {
  return { code: 'POLICY_BAD_VALUE', message: 'this is not the name of an image' };
}

function badGlob({ message }: GlobFault): Fault {
  const hint = 'write \\ before a character that stands for itself';
  return { code: 'POLICY_BAD_GLOB', message, hint };
}

function join(left: string | Fault, between: string, right: string | Fault): string | Fault {
  if (typeof left !== 'string') return left;
  return typeof right === 'string' ? left + between + right : right;
}
