// SPDX-License-Identifier: Apache-2.0
import { parseVariant } from '../../../src/cgroup/systemd/gvariant.ts';
import { Writer } from '../../../src/cgroup/systemd/marshal.ts';
import { decodeMessage, encodeCall, messageLength } from '../../../src/cgroup/systemd/message.ts';
import { MarshalError } from '../../../src/cgroup/systemd/types.ts';
import { staleConnections } from '../../../src/network/conntrack.ts';
import { natTables, translatingChain } from '../../../src/network/foreign-nat.ts';
import { attribute, message } from '../../../src/network/netlink-bytes.ts';
import { parsePublished } from '../../../src/network/publish.ts';
import { mutateBytes, mutateText } from '../mutate.ts';
import { attempt, type Target } from '../target.ts';

const call = encodeCall(
  {
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'StartTransientUnit',
    signature: 'ssa(sv)',
    body: ['a.scope', 'replace', [['PIDs', { signature: 'au', value: [1, 2] }]]],
  } as never,
  1,
);

/** Messages that the bus could send. */
export const dbusTarget: Target = {
  name: 'dbus',
  corpus: [call],
  generate: random => mutateBytes(random, call),
  execute(input) {
    const bytes = input as Uint8Array;
    const length = attempt(() => messageLength(bytes), MarshalError);
    if (length === undefined || length > bytes.length) return false;
    return attempt(() => decodeMessage(bytes.slice(0, length)), MarshalError) !== undefined;
  },
};

const variants = [
  'true',
  "'text'",
  'uint64 5',
  "['a', 'b']",
  '(1, <2>)',
  "{'a': 1}",
  '@as []',
  '-1.5',
  '<@a{sv} {}>',
];

/** Values of annotations for properties of a unit. */
export const variantTarget: Target = {
  name: 'gvariant',
  corpus: variants,
  generate: random => mutateText(random, random.pick(variants), variants),
  execute(input) {
    let variant: ReturnType<typeof parseVariant>;
    try {
      variant = parseVariant(input as string);
    } catch (error) {
      // The caller adds the name of the annotation to any error with a message.
      if ((error as Error).constructor !== Error) throw error;
      return false;
    }
    // Everything that can be parsed can be sent.
    attempt(() => new Writer().value('v', variant), MarshalError);
    return true;
  },
};

const ports = [parsePublished('8080:80/udp')];
const udp = attribute(2, [...attribute(1, [17]), ...attribute(3, [0x1f, 0x90])]);
const dumps = [
  Uint8Array.from(message(0x100, 2, 1, [2, 0, 0, 0, ...attribute(1, udp)])),
  Uint8Array.from(
    message(0xa03, 2, 1, [
      ...[2, 0, 0, 0],
      ...attribute(
        1,
        [...'nat\0'].map(letter => letter.charCodeAt(0)),
      ),
      ...attribute(
        7,
        [...'nat\0'].map(letter => letter.charCodeAt(0)),
      ),
      ...attribute(
        4,
        attribute(1, [
          ...attribute(1, [0x63, 0x6d, 0x70, 0]),
          ...attribute(2, attribute(3, attribute(1, [0x1f, 0x90]))),
        ]),
      ),
    ]),
  ),
];

/** Dumps that the kernel could send. */
export const netlinkTarget: Target = {
  name: 'netlink',
  corpus: dumps,
  generate: random => mutateBytes(random, random.pick(dumps)),
  execute(input) {
    const bytes = input as Uint8Array;
    const found = staleConnections(bytes, ports).length + natTables(bytes).length;
    return found > 0 || translatingChain(bytes, ports[0] as never) !== undefined;
  },
};
