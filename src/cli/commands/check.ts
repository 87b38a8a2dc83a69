// SPDX-License-Identifier: Apache-2.0
import { checkBundle } from '../../lifecycle/check-bundle.ts';
import { describeReport } from '../../validate/report.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';
import { bundleOf, defineBundle, formatOf } from '../options.ts';

export const check: CommandModule = {
  name: 'check',
  summary: 'tell everything that is wrong with a bundle, and what weakens its isolation; do nothing',
  example: [
    '# Ends with 0 when create would take the bundle, with 1 when there is a problem. A warning is none, unless --strict:',
    '# a property that nobody knows, a capability or a mount through which the container can reach the host.',
    'tsubo check /containers/web',
    'tsubo check --strict /containers/web && tsubo run --bundle /containers/web web',
    'tsubo check --format json /containers/web | jq -r ".problems[], .warnings[] | .code + \\" \\" + .pointer"',
  ],
  define(command) {
    defineBundle(command);
    command
      .option('-f, --format <format>', 'text or json (default: text)')
      .option('--strict', 'end with 1 for a warning too');
  },
  run({ runtime, print, style }, [argument], options) {
    const format = formatOf(options, ['text', 'json']);
    const bundle = bundleOf(argument, options);
    const report = checkBundle(runtime.binding, bundle);
    print(format === 'json' ? `${goJson(report, '  ')}\n` : describeReport(report, style()));
    return report.valid && (options['strict'] !== true || report.warnings.length === 0) ? 0 : 1;
  },
};
