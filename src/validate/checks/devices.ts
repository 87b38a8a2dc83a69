// SPDX-License-Identifier: Apache-2.0
import { cleanPath } from '../../host/paths.ts';
import type { Check } from '../context.ts';

const spec = 'config-linux.md#devices';

/** dev_t has 12 bits and 20 bits. mknod(2) would silently truncate larger numbers and create another device. */
const highest = { major: 0xfff, minor: 0xfffff } as const;

export const checkDevices: Check = context => {
  for (const [index, device] of context.config.linux?.devices?.entries() ?? []) {
    const pointer = `/linux/devices/${index}`;
    const { path } = device;
    const type: string | undefined = device.type;
    if (type !== undefined && !/^[cbup]$/.test(type)) {
      context.problem({
        code: 'config.device.type',
        message: `invalid device type "${type}"`,
        pointer: `${pointer}/type`,
        value: type,
        hint: 'c or u is a character device, b a block device, p a FIFO',
        spec,
      });
    }
    if (path !== undefined && (!path.startsWith('/') || cleanPath(path) === '/')) {
      context.problem({
        code: 'config.device.path',
        message: `the device path "${path}" is not an absolute path of a file`,
        pointer: `${pointer}/path`,
        value: path,
        spec,
      });
    }
    if (type === 'p') continue;
    for (const part of ['major', 'minor'] as const) {
      const number = device[part];
      if (number !== undefined && number >= 0 && number <= highest[part]) continue;
      context.problem({
        code: number === undefined ? 'config.device.number' : 'config.range',
        message:
          number === undefined
            ? `the device ${path ?? ''} has no ${part} number`
            : `the ${part} number must be from 0 to ${highest[part]}, not ${number}`,
        pointer: `${pointer}/${part}`,
        value: number === undefined ? undefined : String(number),
        spec,
      });
    }
  }
};
