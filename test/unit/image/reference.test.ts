// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { RuntimeError } from '../../../src/errors/error.ts';
import { formatReference, parseReference, shortReference } from '../../../src/image/reference.ts';

const hex = 'ab'.repeat(32);
const digest = `sha256:${hex}`;

describe('a reference', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['team/web', 'docker.io/team/web:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['localhost:5000/a/b/c:v1', 'localhost:5000/a/b/c:v1'],
    ['127.0.0.1:5000/web', '127.0.0.1:5000/web:latest'],
    ['[::1]:5000/web', '[::1]:5000/web:latest'],
    ['registry.example/a__b-c.d/e---f', 'registry.example/a__b-c.d/e---f:latest'],
    ['Host/web', 'Host/web:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
    [`busybox:1.36@${digest}`, `docker.io/library/busybox@${digest}`],
  ])('%s is completed to %s', (text, complete) => {
    expect(formatReference(parseReference(text))).toBe(complete);
    expect(formatReference(parseReference(complete))).toBe(complete);
  });

  test.each([
    ['', 'the name is empty', 'write NAME, NAME:TAG or NAME@DIGEST'],
    [':latest', 'the name is empty', 'write NAME, NAME:TAG or NAME@DIGEST'],
    ['BusyBox', 'invalid name "BusyBox"', 'names of repositories are in lower case: busybox'],
    [
      'a//b',
      'a component of the name is empty',
      'a name has lower-case letters and digits, with single ., _ or - between them',
    ],
    [
      'a..b',
      'invalid name "a..b"',
      'a name has lower-case letters and digits, with single ., _ or - between them',
    ],
    ['../etc', 'invalid registry ".."', 'write HOST/NAME or HOST:PORT/NAME'],
    [
      'web:',
      'invalid tag ""',
      'a tag has at most 128 letters, digits, _, . and -, and begins with none of the last two',
    ],
    [
      `web:${'x'.repeat(129)}`,
      `invalid tag "${'x'.repeat(129)}"`,
      'a tag has at most 128 letters, digits, _, . and -, and begins with none of the last two',
    ],
    [
      'web@sha256:12',
      'invalid digest "sha256:12"',
      'a digest is sha256: and 64 hexadecimal digits in lower case',
    ],
    ['https://registry.example/web', 'it begins with a scheme', 'leave it out: registry.example/web'],
    [hex, 'the name is an id', 'write the name of a repository'],
    [`registry.example/${'a'.repeat(250)}`, 'the name is too long', 'a name has at most 255 characters'],
  ])('%j is refused: %s', (text, problem, hint) => {
    let failure: RuntimeError | undefined;
    try {
      parseReference(text);
    } catch (error) {
      failure = error as RuntimeError;
    }
    expect(failure?.fields()).toEqual({
      code: 'image.reference',
      message: `invalid reference ${JSON.stringify(text)}: ${problem}`,
      value: text,
      hint,
    });
  });

  test.each([
    ['docker.io/library/busybox:latest', 'busybox:latest'],
    ['docker.io/team/web:v1', 'team/web:v1'],
    ['docker.io/library/a/b:v1', 'library/a/b:v1'],
    ['localhost:5000/web:latest', 'localhost:5000/web:latest'],
    [`docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    ['not a reference', 'not a reference'],
  ])('%s is shown as %s', (complete, short) => {
    expect(shortReference(complete)).toBe(short);
  });
});
