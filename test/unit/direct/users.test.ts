// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { findUser } from '../../../src/direct/users.ts';
import { thrown } from '../../helpers/fake-machine.ts';

const files = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    '# a comment',
    'www:x:33:33::/srv:/bin/false',
    '1000:x:77:78::/:/bin/sh',
    'broken:x:a:b',
    'people:x:1001:100::/:/bin/sh',
  ].join('\n'),
  group: ['root:x:0:root', 'bin:x:1:root,www', 'users:x:100:', 'audio:x:29:people,root', 'odd:x'].join('\n'),
};

describe('the user of a container', () => {
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [0, 1, 29] }],
    ['root', { uid: 0, gid: 0, additionalGids: [0, 1, 29] }],
    ['0', { uid: 0, gid: 0, additionalGids: [0, 1, 29] }],
    ['www', { uid: 33, gid: 33, additionalGids: [1] }],
    ['33', { uid: 33, gid: 33, additionalGids: [1] }],
    ['www:users', { uid: 33, gid: 100, additionalGids: [] }],
    ['people:7', { uid: 1001, gid: 7, additionalGids: [] }],
    ['4000', { uid: 4000, gid: 0, additionalGids: [] }],
    ['4000:4001', { uid: 4000, gid: 4001, additionalGids: [] }],
    // A name of digits has precedence.
    ['1000', { uid: 77, gid: 78, additionalGids: [] }],
    ['4294967294', { uid: 4294967294, gid: 0, additionalGids: [] }],
  ])('%j is found in the files of the image', (text, user) => {
    expect(findUser(text, files)).toEqual(user);
  });

  it('gets the groups of --group-add, each once', () => {
    expect(findUser('www', files, ['audio', '1', '5000'])).toEqual({
      uid: 33,
      gid: 33,
      additionalGids: [1, 29, 5000],
    });
  });

  it('needs no files if it is a number', () => {
    expect(findUser('12:13', { passwd: '', group: '' })).toEqual({ uid: 12, gid: 13, additionalGids: [] });
  });

  it.each([
    ['nothere', 'unable to find user nothere: no matching entries in passwd file'],
    ['broken', 'unable to find user broken: no matching entries in passwd file'],
    ['www:wheel', 'unable to find group wheel: no matching entries in group file'],
    ['4294967295', 'unable to find user 4294967295: no matching entries in passwd file'],
  ])('%j is refused', (text, message) => {
    expect(thrown(() => findUser(text, files))).toMatchObject({ code: 'direct.no-user', message });
  });
});
