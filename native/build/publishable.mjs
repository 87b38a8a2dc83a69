// SPDX-License-Identifier: Apache-2.0
// Runs before `npm publish` packs: refuses a package that must not be published.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, script, top } from './stage.mjs';
import { architectures, lacksCompiler } from './toolchain.mjs';

/** @returns {Promise<string[]>} one line for each reason against publishing, empty if there is none */
async function reasonsNotToPublish() {
  const reasons = architectures.flatMap(arch => {
    const lack = lacksCompiler(arch);
    return lack === undefined ? [] : [`the package would be without ${arch}: ${lack}`];
  });
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  const changed = await run('git', ['status', '--porcelain']);
  if (changed !== '') reasons.push(`the checkout has changes that are not committed:\n${changed.trimEnd()}`);
  const tags = (await run('git', ['tag', '--points-at', 'HEAD'])).split('\n');
  if (!tags.includes(`v${version}`)) reasons.push(`the commit has no tag v${version}: npm version makes it`);
  const changelog = readFileSync(join(top, 'CHANGELOG.md'), 'utf8');
  if (!changelog.includes(`## ${version}`)) reasons.push(`CHANGELOG.md has no section ${version}`);
  return reasons;
}

await script(async () => {
  const reasons = await reasonsNotToPublish();
  if (reasons.length > 0) throw new Failure(`not published:\n${reasons.map(line => `  ${line}`).join('\n')}`);
  return 0;
});
