import { describe, expect, it } from '@jest/globals';
import { parseImageReference } from '../../../node-agent/containers/image-reference.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('parseImageReference', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx', 'latest', ''],
    ['nginx:1.27', 'docker.io/library/nginx', '1.27', ''],
    ['team/app', 'docker.io/team/app', 'latest', ''],
    ['index.docker.io/nginx', 'docker.io/library/nginx', 'latest', ''],
    ['registry.example/team/app:2', 'registry.example/team/app', '2', ''],
    ['registry.example:5000/app', 'registry.example:5000/app', 'latest', ''],
    ['localhost/app:x', 'localhost/app', 'x', ''],
    [`registry.example/app@${DIGEST}`, 'registry.example/app', '', DIGEST],
    [`registry.example/app:3@${DIGEST}`, 'registry.example/app', '3', DIGEST],
  ])('%s', (text, fullName, tag, digest) => {
    expect(parseImageReference(text)).toEqual({ fullName, tag, digest });
  });

  it.each([
    '',
    'a'.repeat(64),
    DIGEST,
    'A/b:',
    'a@b',
    'a//b',
    `${'a/'.repeat(600)}b`,
    'a b',
    'a:é',
  ])('refuses %j', (text) => {
    expect(parseImageReference(text)).toBeUndefined();
  });
});
