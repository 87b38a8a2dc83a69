// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const name = 'tsubo.landlock.v1';

describe.skipIf(requires('root', 'busybox', 'kernel:5.19') || !isTsubo)(
  'the Landlock rules of a container',
  () => {
    const box = sandbox();
    const ruled =
      (rules: object | string, modify: (made: Bundle) => void = () => {}) =>
      (made: Bundle): void => {
        made.config.annotations = { [name]: typeof rules === 'string' ? rules : JSON.stringify(rules) };
        modify(made);
      };
    const writes = { handledAccessFS: ['write_file', 'make_reg', 'remove_file'] };
    const onlyTmp = {
      ruleset: writes,
      rules: { pathBeneath: [{ allowedAccess: ['write_file', 'make_reg'], paths: ['/tmp', '/dev/null'] }] },
    };
    const script = `
    echo x >/tmp/a && echo written
    (echo x >/etc/new) 2>&1
    (echo x >/etc/passwd) 2>&1
    rm /tmp/a 2>&1
    echo x >/dev/null && cat /etc/passwd`;
    const denied =
      /^written\n.*\/etc\/new: Permission denied\n.*\/etc\/passwd: Permission denied\nrm: .*Permission denied\nroot:/;
    const user = (made: Bundle): void => {
      made.config.process.user = { uid: 1000, gid: 1000 };
      made.file('/etc/passwd', 'root:x:0:0::/root:/bin/sh\n', 0o666);
      made.directory('/tmp');
      box.view.sh('chmod 777 "$1/tmp" "$1/etc"', made.rootfs);
    };
    const prepared = (made: Bundle): void => {
      made.file('/etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
      made.directory('/tmp');
    };

    test.each<[string, (made: Bundle) => void]>([
      ['with no_new_privs', prepared],
      [
        'without no_new_privs',
        made => {
          prepared(made);
          made.config.process.noNewPrivileges = false;
        },
      ],
      [
        'of another user without no_new_privs',
        made => {
          user(made);
          made.config.process.noNewPrivileges = false;
        },
      ],
      [
        'in a user namespace',
        made => {
          prepared(made);
          made.userNamespace(100_000);
          box.view.sh('chown -R 100000:100000 "$1/etc" "$1/tmp"', made.rootfs);
        },
      ],
      [
        'with a seccomp profile that refuses Landlock',
        made => {
          prepared(made);
          made.config.linux.seccomp = {
            defaultAction: 'SCMP_ACT_ALLOW',
            syscalls: [
              {
                names: ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'],
                action: 'SCMP_ACT_ERRNO',
              },
            ],
          };
        },
      ],
    ])('apply to a program %s', (_, modify) => {
      expect(box.shell(script, ruled(onlyTmp, modify))).toMatch(denied);
    });

    test('apply to exec too, also with a process document, in a created container and after run', () => {
      const write = 'echo x >/tmp/a && echo ok; (echo x >/etc/new) 2>&1; true';
      const expected = /^ok\n.*Permission denied\n$/;
      const bundle = box.created(ruled(onlyTmp, prepared));
      const exec = () => box.must(['exec', bundle.id, '/bin/sh', '-c', write]).stdout;
      expect(exec()).toMatch(expected);
      box.must(['start', bundle.id]);
      const process = box.fresh('process.json');
      box.view.sh(
        'printf %s "$2" >"$1"',
        process,
        JSON.stringify({ args: ['/bin/sh', '-c', write], cwd: '/', user: { uid: 0, gid: 0 } }),
      );
      expect(box.must(['exec', '--process', process, bundle.id]).stdout).toMatch(expected);
      const ran = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
        ruled(onlyTmp, prepared)(made);
      });
      box.must(['run', '--detach', '--bundle', ran.dir, ran.id]);
      expect(box.must(['exec', ran.id, '/bin/sh', '-c', write]).stdout).toMatch(expected);
    });

    test('refuse to execute what no rule allows, which a failed start names', () => {
      const rules = {
        ruleset: { handledAccessFS: ['execute'] },
        rules: { pathBeneath: [{ allowedAccess: ['execute'], paths: ['/bin/sh'] }] },
      };
      expect(box.shell('/bin/busybox true 2>&1; echo $?', ruled(rules))).toBe('0\n');
      const bundle = box.bundle(made => {
        ruled({ ruleset: { handledAccessFS: ['execute'] } })(made);
        made.shell('true');
      });
      box.failsWith(
        ['run', '--bundle', bundle.dir, bundle.id],
        'permission denied',
        'container.program-not-executable',
      );
    });

    test('resolve paths inside the root, and ignore rights to directories on a file', () => {
      const rules = {
        ruleset: { handledAccessFS: ['write_file', 'read_dir'] },
        rules: { pathBeneath: [{ allowedAccess: ['write_file', 'read_dir'], paths: ['/link/passwd'] }] },
      };
      const out = box.shell(
        'echo changed >/etc/passwd; cat /etc/passwd; (ls /etc) 2>&1; true',
        ruled(rules, made => {
          prepared(made);
          made.symlink('/link', '../../../etc');
        }),
      );
      expect(out).toMatch(/^changed\nls: .*Permission denied\n$/);
    });

    test.skipIf(requires('kernel:6.7'))('refuse ports that no rule allows', () => {
      const rules = {
        ruleset: { handledAccessNetwork: ['bind_tcp', 'connect_tcp'] },
        rules: { networkPort: [{ allowedAccess: ['bind_tcp', 'connect_tcp'], ports: [8080] }] },
      };
      const out = box.shell(
        'for port in 8080 8081; do busybox httpd -p 127.0.0.1:$port 2>&1; busybox nc 127.0.0.1 $port 2>&1 </dev/null; done; true',
        ruled(rules),
      );
      expect(out).toBe(
        "httpd: bind: Permission denied\nnc: can't connect to remote host (127.0.0.1): Permission denied\n",
      );
    });

    test.skipIf(requires('kernel:6.12'))('keep signals inside the container', () => {
      const bundle = box.running(made => {
        ruled({ ruleset: { scoped: ['signal'] } })(made);
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      // The exec is a domain of its own, and does not reach the first process.
      expect(
        box.must(['exec', bundle.id, '/bin/sh', '-c', 'kill -0 1 2>&1; kill -0 $$ && echo own']).stdout,
      ).toMatch(/not permitted\nown\n$/);
    });

    test.each<[string | object, string]>([
      ['{', 'JSON'],
      [{}, 'ruleset'],
      [{ ruleset: {} }, 'restricts nothing'],
      [{ ruleset: { handledAccessFS: ['write'] } }, '"write" is unknown'],
      [{ ruleset: { handledAccessFS: ['read_file'], more: 1 } }, 'more'],
      [{ RuleSet: { handledAccessFS: ['read_file'] } }, 'RuleSet'],
      [{ ruleset: { handledAccessFS: null, scoped: ['signal'] } }, 'handledAccessFS is null'],
      [{ ...onlyTmp, ruleset: { handledAccessFS: ['read_file'] } }, 'it is allowed everywhere'],
      [{ ruleset: writes, rules: { pathBeneath: [{ allowedAccess: [], paths: ['/'] }] } }, 'allows nothing'],
      [
        { ruleset: writes, rules: { pathBeneath: [{ allowedAccess: ['write_file'], paths: ['a'] }] } },
        'not absolute',
      ],
    ])('are refused as a whole if a part is wrong: %j', (rules, text) => {
      const failure = box.refuses(box.bundle(ruled(rules)));
      expect(failure.record).toMatchObject({ code: 'config.landlock', pointer: `/annotations/${name}` });
      expect(failure.message).toContain(text);
    });

    test('name a path that does not exist', () => {
      const rules = {
        ruleset: writes,
        rules: { pathBeneath: [{ allowedAccess: ['write_file'], paths: ['/tmp', '/not/here'] }] },
      };
      const failure = box.refuses(box.bundle(ruled(rules, prepared)));
      expect(failure.record).toMatchObject({ code: 'container.landlock', pointer: `/annotations/${name}` });
      expect(failure.message).toContain('openat2 /not/here: no such file or directory');
    });

    test('are listed in features', () => {
      expect(JSON.parse(box.must(['features']).stdout)).toMatchObject({
        annotations: { 'tsubo.landlock': '1' },
      });
    });
  },
);
