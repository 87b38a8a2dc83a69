// SPDX-License-Identifier: Apache-2.0
import { readFacts } from '../../host/read-facts.ts';
import type { CommandModule } from '../command.ts';
import { featuresDocument } from '../features-document.ts';
import { goJson } from '../go-json.ts';

export const features: CommandModule = {
  name: 'features',
  summary: 'print the supported features, as the features document of the specification (JSON)',
  example: ['tsubo features', 'tsubo features | jq .linux.seccomp'],
  define() {},
  run({ runtime: { binding }, print }) {
    print(`${goJson(featuresDocument(readFacts(binding).kernel), '    ')}\n`);
    return 0;
  },
};
