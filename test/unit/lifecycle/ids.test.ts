// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { checkId } from '../../../src/lifecycle/ids.ts';
import { thrown } from '../../helpers/fake-machine.ts';

describe('a container id', () => {
  it.each(['a', 'web-1', 'A_b+c.d-9', '...', '0', '-', 'x'.repeat(200)])('may be %s', id => {
    expect(() => checkId(id)).not.toThrow();
  });

  it.each(['.', '..', 'a/b', '/', 'a b', 'ü', 'a\n', 'a\0', 'a:b', '../x'])('may not be %j', id => {
    expect(thrown(() => checkId(id))).toMatchObject({
      code: 'state.bad-id',
      message: expect.stringContaining('invalid container ID format'),
    });
  });

  it('may not be empty', () => {
    expect(thrown(() => checkId(''))).toMatchObject({
      code: 'state.bad-id',
      message: 'container id cannot be empty',
    });
  });
});
