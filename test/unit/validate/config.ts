// SPDX-License-Identifier: Apache-2.0
/** The smallest valid config, modified by `change`. */
// biome-ignore lint/suspicious/noExplicitAny: the changes make it wrong in every way
export function configWith(change: (config: any) => void = () => {}): unknown {
  const config = {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: { args: ['sh'], cwd: '/' },
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'network' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'cgroup' },
      ],
    },
  };
  change(config);
  return config;
}
