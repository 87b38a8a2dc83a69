// SPDX-License-Identifier: Apache-2.0
import Ajv, { type ErrorObject, type ValidateFunction } from 'ajv-draft-04';

/**
 * JSON schemas of the two documents that a runtime prints, written from the sections runtime.md#state, features.md and
 * features-linux.md of the specification. test/unit/oci-schema.test.ts compares them with the published ones.
 */
const version = { type: 'string', pattern: '^\\d+\\.\\d+\\.\\d+([-+].+)?$' };
const text = { type: 'string' };
const texts = { type: 'array', items: text };
const annotations = { type: 'object', additionalProperties: text };
const yesOrNo = { type: 'boolean' };
const oneOf = (words: string) => ({ enum: words.split(' ') });
const listOf = (items: object) => ({ type: 'array', items, uniqueItems: true });
const named = (pattern: string) => listOf({ type: 'string', pattern });
const object = (properties: Record<string, object>, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const switches = (names: string) => object(Object.fromEntries(names.split(' ').map(name => [name, yesOrNo])));

const state = object(
  {
    ociVersion: version,
    id: text,
    // A runtime may add statuses: paused.
    status: oneOf('creating created running stopped'),
    pid: { type: 'integer', minimum: 0 },
    bundle: { type: 'string', pattern: '^/' },
    annotations,
  },
  ['ociVersion', 'id', 'status', 'bundle'],
);

const flags = named('^SECCOMP_FILTER_FLAG_[A-Z_]+$');

const linux = object({
  namespaces: listOf(oneOf('pid network uts mount ipc user cgroup time')),
  capabilities: named('^CAP_[A-Z_]+$'),
  cgroup: switches('v1 v2 systemd systemdUser rdma'),
  seccomp: object({
    enabled: yesOrNo,
    actions: named('^SCMP_ACT_[A-Z_]+$'),
    operators: named('^SCMP_CMP_[A-Z_]+$'),
    archs: named('^SCMP_ARCH_[A-Z0-9_]+$'),
    knownFlags: flags,
    supportedFlags: flags,
  }),
  apparmor: switches('enabled'),
  selinux: switches('enabled'),
  intelRdt: switches('enabled schemata monitoring'),
  memoryPolicy: object({ modes: named('^MPOL_[A-Z_]+$'), flags: named('^MPOL_F_[A-Z_]+$') }),
  mountExtensions: object({ idmap: switches('enabled') }),
  netDevices: switches('enabled'),
});

const features = object(
  {
    ociVersionMin: version,
    ociVersionMax: version,
    hooks: listOf(oneOf('prestart createRuntime createContainer startContainer poststart poststop')),
    mountOptions: texts,
    annotations,
    potentiallyUnsafeConfigAnnotations: texts,
    linux,
  },
  ['ociVersionMin', 'ociVersionMax'],
);

const schemas = { state, features };

export function schema(kind: keyof typeof schemas): ValidateFunction {
  return new Ajv.default({ strict: false, allErrors: true }).compile(schemas[kind]);
}

/** Violations of the specification in a document. */
export function problemsWith(kind: keyof typeof schemas, document: unknown): readonly ErrorObject[] {
  const validate = schema(kind);
  return validate(document) ? [] : (validate.errors ?? []);
}
