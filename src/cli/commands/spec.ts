// SPDX-License-Identifier: Apache-2.0
import { errno } from '../../errors/errno.ts';
import { RuntimeError } from '../../errors/error.ts';
import { isSystemError, onHost } from '../../errors/system.ts';
import { readFacts } from '../../host/read-facts.ts';
import { O } from '../../kernel/files.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';
import { defaultConfig, rootless } from '../spec-document.ts';

export const spec: CommandModule = {
  name: 'spec',
  summary: 'write a default config.json',
  example: ['mkdir -p /containers/web/rootfs', 'tsubo spec --bundle /containers/web'],
  define(command) {
    command
      .option('-b, --bundle <dir>', 'the bundle directory to write it to (default: the current directory)')
      .option('--rootless', 'for a container that the calling user can run without root');
  },
  run({ runtime: { binding }, program }, _args, options) {
    const bundle =
      typeof options['bundle'] === 'string' && options['bundle'] !== '' ? options['bundle'] : '.';
    const facts = readFacts(binding);
    const document = defaultConfig({ program, cgroupNamespace: facts.cgroup.layout === 'unified' });
    const written = options['rootless'] === true ? rootless(document, facts.euid, facts.egid) : document;
    const path = bundle === '.' ? 'config.json' : `${bundle}/config.json`;
    const text = goJson(written, '\t');
    try {
      binding.writeText(path, text, O.O_CREAT | O.O_EXCL, 0o666);
    } catch (error) {
      if (isSystemError(error) && error.errno === errno.EEXIST) {
        throw new RuntimeError({
          code: 'bundle.config-exists',
          message: 'File config.json exists. Remove it first',
          path,
        });
      }
      onHost(`unable to write ${path}`, () => {
        throw error;
      });
    }
    return 0;
  },
};
