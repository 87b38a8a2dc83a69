// SPDX-License-Identifier: Apache-2.0
import { checkBundle } from '../../inspect/check-bundle.ts';
import { describeReport } from '../../validate/report.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';
import { bundleOf, defineBundle, defineNetworks, formatOf, networksGiven } from '../options.ts';

export const check: CommandModule = {
  name: 'check',
  summary: 'report what create would refuse in a bundle and what weakens its isolation, without changes',
  example: [
    '# Checks config.json, then the machine: root file system, program, sources and options of mounts, hooks, cgroup controllers, devices. "not checked" lists what only create can check.',
    '# Exit status: 0 without a problem, otherwise 1; with --strict also 1 for a warning, such as an unknown property or a capability that reaches the host.',
    'tsubo check /containers/web',
    'tsubo check --offline /containers/web',
    'tsubo check --strict /containers/web && tsubo run --bundle /containers/web web',
    'tsubo check --format json /containers/web | jq -r ".problems[], .warnings[] | .code + \\" \\" + .pointer"',
  ],
  define(command) {
    defineBundle(command);
    defineNetworks(command);
    command
      .option('-f, --format <format>', 'format of the output: text or json (default: text)')
      .option('--offline', 'check only config.json, not the files, mounts and limits of this machine')
      .option('--strict', 'exit with 1 for a warning too');
  },
  run({ runtime, print, style }, [argument], options) {
    const format = formatOf(options, ['text', 'json']);
    const bundle = bundleOf(argument, options);
    const report = checkBundle(runtime.binding, bundle, {
      offline: options['offline'] === true,
      systemdCgroup: runtime.systemdCgroup ?? false,
      attachment: networksGiven(options),
    });
    print(format === 'json' ? `${goJson(report, '  ')}\n` : describeReport(report, style()));
    return report.valid && (options['strict'] !== true || report.warnings.length === 0) ? 0 : 1;
  },
};
