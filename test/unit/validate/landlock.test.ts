// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { capableMachine } from '../../../src/host/facts.ts';
import type { Config } from '../../../src/oci/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig } from '../../../src/validate/check.ts';

const name = 'tsubo.landlock.v1';
const check = (text: string) =>
  checkConfig({
    ociVersion: '1.2.0',
    root: { path: 'rootfs' },
    process: { args: ['sh'], cwd: '/', user: { uid: 0, gid: 0 } },
    linux: { namespaces: [{ type: 'mount' }] },
    annotations: { [name]: text },
  });
const messages = (document: unknown) =>
  check(JSON.stringify(document)).problems.map(({ code, message }) => {
    expect(code).toBe('config.landlock');
    return message.replace(`annotation ${name}: `, '');
  });
const fs = { handledAccessFS: ['write_file'] };

describe('the annotation with Landlock rules', () => {
  it('becomes one step of the container', () => {
    const rules = {
      ruleset: { ...fs, handledAccessNetwork: ['connect_tcp'], scoped: ['signal'] },
      rules: {
        pathBeneath: [{ allowedAccess: ['write_file'], paths: ['/tmp', '/var'] }],
        networkPort: [{ allowedAccess: ['connect_tcp'], ports: [443] }],
      },
    };
    const { config, problems } = check(JSON.stringify(rules));
    expect(problems).toEqual([]);
    const plan = makePlan(config as Config, capableMachine, { id: 'x', bundle: '/', noNewKeyring: false });
    const steps = plan.container.filter(({ origin }) => origin === `/annotations/${name}`);
    expect(steps).toHaveLength(1);
  });

  it.each<[unknown, RegExp]>([
    [{ ruleset: {} }, /^ruleset is empty and restricts nothing$/],
    [{ ruleset: { handledAccessFS: ['write_fil'] } }, /^"write_fil" is unknown$/],
    [
      { ruleset: fs, rules: { pathBeneath: [{ allowedAccess: ['write_file'], paths: ['tmp'] }] } },
      /^the path "tmp" is not absolute$/,
    ],
    [
      { ruleset: fs, rules: { pathBeneath: [{ allowedAccess: [], paths: ['/tmp'] }] } },
      /^a rule allows nothing$/,
    ],
    [
      { ruleset: fs, rules: { pathBeneath: [{ allowedAccess: ['make_reg'], paths: ['/tmp'] }] } },
      /^a rule allows make_reg, which is not in handledAccessFS: it is allowed everywhere$/,
    ],
    [
      { ruleset: fs, rules: { networkPort: [{ allowedAccess: ['bind_tcp'], ports: [80] }] } },
      /^a rule allows bind_tcp, which is not in handledAccessNetwork: it is allowed everywhere$/,
    ],
  ])('is refused for %j', (document, message) => {
    expect(messages(document)).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ['a text that is not JSON', '{'],
    ['an unknown member', '{"ruleset": {"handledAccessFS": ["write_file"]}, "more": 1}'],
    ['a name in another case', '{"Ruleset": {"handledAccessFS": ["write_file"]}}'],
    ['a null', '{"ruleset": {"handledAccessFS": ["write_file"]}, "rules": null}'],
  ])('is refused for %s', (_, text) => {
    const { problems } = check(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(({ code, pointer }) => [code, pointer])).toEqual(
      problems.map(() => ['config.landlock', `/annotations/${name}`]),
    );
  });
});
