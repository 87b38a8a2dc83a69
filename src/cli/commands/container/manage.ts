// SPDX-License-Identifier: Apache-2.0
import { isUp, stateOf } from '../../../direct/status.ts';
import { requireUp } from '../../../direct/stop.ts';
import { findContainer, renameContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { visible } from '../../../errors/visible.ts';
import { processTable } from '../../../lifecycle/ps.ts';
import { formatAddress } from '../../../network/cidr.ts';
import { parsePublished } from '../../../network/publish.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';

const container = 'name, id or prefix of an id';

export const rename: CommandModule = {
  name: 'container rename',
  summary: 'give a container another name',
  example: ['tsubo container rename web old-web'],
  define(command) {
    command.argument('<container>', container).argument('<name>', 'the new name');
  },
  run(context, [word = '', name = '']) {
    const store = directStore(context);
    renameContainer(store, findContainer(store, word), name);
    return 0;
  },
};

export const top: CommandModule = {
  name: 'container top',
  summary: 'list the processes of a container',
  example: ['tsubo container top web', 'tsubo container top web -o pid,user,comm'],
  // The words after the name are options of ps(1).
  optionsFirst: true,
  define(command) {
    command.argument('<container>', container).argument('[ps-options...]', 'options of ps(1) (default: -ef)');
  },
  run(context, [word = '', ...psOptions]) {
    const { runtime, print } = context;
    const store = directStore(context);
    const found = findContainer(store, word);
    requireUp(runtime, store, found, 'top');
    print(visible(processTable(runtime, found.id, psOptions)));
    return 0;
  },
};

export const port: CommandModule = {
  name: 'container port',
  summary: 'list the ports of the host that lead to a container',
  example: ['tsubo container port web', 'tsubo container port web 80/tcp'],
  define(command) {
    command.argument('<container>', container).argument('[port]', 'a port of the container: 80, 53/udp');
  },
  run(context, [word = '', wanted]) {
    const { runtime, print } = context;
    const store = directStore(context);
    const found = findContainer(store, word);
    const published = isUp(stateOf(runtime, store, found)) ? found.ports.map(parsePublished) : [];
    const rows = published.flatMap(({ address, hostPort, containerPort, count, protocol }) =>
      Array.from({ length: count }, (_, at) => ({
        inside: `${containerPort + at}/${protocol}`,
        outside: (address === undefined ? ['0.0.0.0', '[::]'] : [bracketed(formatAddress(address))]).map(
          host => `${host}:${hostPort + at}`,
        ),
      })),
    );
    if (wanted === undefined) {
      print(rows.flatMap(({ inside, outside }) => outside.map(host => `${inside} -> ${host}\n`)).join(''));
      return 0;
    }
    const key = wanted.includes('/') ? wanted : `${wanted}/tcp`;
    const chosen = rows.filter(({ inside }) => inside === key).flatMap(({ outside }) => outside);
    if (chosen.length === 0) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `no public port ${JSON.stringify(key)} published for ${word}`,
        value: wanted,
        hint: `tsubo container port ${word} lists the published ports`,
      });
    }
    print(chosen.map(host => `${host}\n`).join(''));
    return 0;
  },
};

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
