// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { sourcesIn } from '../../../native/build/debian.mjs';

describe('the archives of a machine that never updated its package lists', () => {
  test('are those that apt would fetch, each with its first suite', () => {
    const listed = `
'http://deb.example/debian/dists/bookworm/InRelease' deb.example_debian_dists_bookworm_InRelease 0
'http://deb.example/debian/dists/bookworm-updates/InRelease' deb.example_debian_dists_bookworm-updates_InRelease 0
'https://deb.example/security/dists/bookworm-security/InRelease' deb.example_security_InRelease 0
'http://deb.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' deb.example_Packages 0
`;
    expect(sourcesIn(listed)).toEqual([
      { site: 'http://deb.example/debian', suite: 'bookworm' },
      { site: 'https://deb.example/security', suite: 'bookworm-security' },
    ]);
  });

  test('are empty if apt lists nothing', () => {
    expect(sourcesIn('')).toEqual([]);
  });
});
