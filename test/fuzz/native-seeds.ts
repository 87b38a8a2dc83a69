// SPDX-License-Identifier: Apache-2.0
import { recordText } from '../../src/lifecycle/check-record.ts';
import type { ContainerRecord } from '../../src/lifecycle/record.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { checkConfig } from '../../src/validate/check.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import { padded, tarOf } from '../helpers/archive.ts';
import { facts } from '../helpers/plan.ts';
import { knownConfigs } from './targets/config.ts';

/** Well-formed inputs of the native fuzzers, from which they begin. */
export function nativeSeeds(top: string): Readonly<Record<string, readonly Uint8Array[]>> {
  const plans = knownConfigs(top).flatMap(document => {
    const { config } = checkConfig(document);
    if (config === undefined) return [];
    try {
      return [encodePlan(makePlan(config, facts, { id: 'fuzz', bundle: '/bundle' }).container)];
    } catch {
      return [];
    }
  });
  const record = {
    version: 2,
    id: 'jar',
    bundle: '/b',
    rootfs: '/b/rootfs',
    created: '2026-01-01T00:00:00Z',
    sharedPidNamespace: false,
    annotations: { a: 'b"\\' },
    cgroup: { root: '/cg', path: '/cg/jar', made: ['/cg/jar'] },
    init: { pid: 5, startTime: 7 },
  } as ContainerRecord;
  const archives = [
    tarOf([
      { name: 'd/', kind: '5' },
      { name: 'd/f', data: 'text', pax: { 'SCHILY.xattr.user.a': 'b', mtime: '1.5', uid: '1000' } },
      { name: 'd/link', kind: '1', link: 'd/f' },
    ]),
    tarOf([{ name: `long/${'n'.repeat(120)}` }, { name: 'd/.wh.gone' }]),
    tarOf([
      {
        name: 'sparse',
        data: Buffer.concat([padded(Buffer.from('2\n0\n3\n9000\n3\n')), Buffer.from('abcdef')]),
        pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10000' },
      },
    ]),
    tarOf([{ name: 'old', data: '12', pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '5,1,50,1' } }]),
  ];
  const log = '2026-01-01T00:00:00.000000000Z stdout F text\n2026-01-01T00:00:00.000000000Z stderr P part\n';
  return {
    plan: plans.filter(({ length }) => length <= 4096),
    archive: archives.map(archive => Uint8Array.from([0, ...archive])),
    members: [Uint8Array.from(Buffer.from(recordText(record)))],
    log: [Uint8Array.from([1, ...Buffer.from(log)]), Uint8Array.from([0, 5, ...Buffer.from('a\nbcd')])],
  };
}
