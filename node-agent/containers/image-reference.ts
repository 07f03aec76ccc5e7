/** What a container's image is called, apart: policies compare these, not the reference as written. */
export interface ImageReference {
  /** registry/path in the normal form: docker.io/library/nginx */
  readonly fullName: string;
  /** '' where only a digest names the image. */
  readonly tag: string;
  /** algorithm:hex of the manifest, '' where the reference has none. */
  readonly digest: string;
}

const MAX_REFERENCE_CHARACTERS = 1024;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,128}$/;
const TAG = /^\w[\w.-]{0,127}$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const DOMAIN = /^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/**
 * Takes `registry/path:tag@digest` apart, with the defaults that container runtimes fill in
 * (github.com/distribution/reference): docker.io, library/, and `latest` where neither tag nor
 * digest is given. undefined: it is not a reference to an image, as with a bare image id.
 */
export function parseImageReference(text: string): ImageReference | undefined {
  // A bare image id reads like a name and a tag.
  if (text.length > MAX_REFERENCE_CHARACTERS || DIGEST.test(text)) return undefined;
  const [named = '', digest = '', ...rest] = text.split('@');
  if (rest.length > 0 || (text.includes('@') && !DIGEST.test(digest))) return undefined;

  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : digest ? '' : 'latest';
  if (hasTag && !TAG.test(tag)) return undefined;

  const fullName = normalName(name);
  return fullName === undefined ? undefined : { fullName, tag, digest };
}

function normalName(name: string): string | undefined {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  let domain = isDomain ? first : 'docker.io';
  let path = isDomain ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  if (!DOMAIN.test(domain)) return undefined;
  if (!path.split('/').every((component) => PATH_COMPONENT.test(component))) return undefined;
  // 64 hexadecimal digits are an image id: a name of that form is ambiguous, and refused by registries.
  if (/^[0-9a-f]{64}$/.test(name)) return undefined;
  return `${domain}/${path}`;
}
