// SPDX-License-Identifier: Apache-2.0
import { checkConfig } from '../../src/validate/check.ts';
import { requireError } from './target.ts';

/** Checks a profile as a part of a config. Returns true if it is valid. */
export function checkSeccompText(seccomp: unknown): boolean {
  const { problems } = checkConfig({
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: { args: ['sh'], cwd: '/' },
    linux: { namespaces: [{ type: 'mount' }], seccomp },
  });
  for (const problem of problems) requireError(problem);
  return problems.length === 0;
}
