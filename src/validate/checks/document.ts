// SPDX-License-Identifier: Apache-2.0
import { ociVersion } from '../../oci/version.ts';
import type { Check } from '../context.ts';

const semanticVersion =
  /^(0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** A newer minor version is accepted because it only adds properties, which are reported as unknown. */
export const checkVersion: Check = context => {
  const version = context.config.ociVersion;
  const fields = {
    code: 'config.ociVersion',
    pointer: '/ociVersion',
    spec: 'config.md#specification-version',
  } as const;
  const hint = `this runtime implements ${ociVersion}`;
  if (version === undefined) {
    context.problem({ ...fields, message: 'ociVersion is missing', hint });
    return;
  }
  const major = semanticVersion.exec(version)?.[1];
  if (major === undefined) {
    context.problem({
      ...fields,
      message: `ociVersion "${version}" is not a version of the form MAJOR.MINOR.PATCH`,
      value: version,
      hint,
    });
  } else if (Number(major) > 1) {
    context.problem({
      ...fields,
      message: `ociVersion ${version} is of a later major version`,
      value: version,
      hint,
    });
  }
};

export const checkRoot: Check = context => {
  const { root } = context.config;
  const spec = 'config.md#root';
  if (root === undefined) {
    context.problem({
      code: 'config.root.required',
      message: 'root must be specified',
      pointer: '/root',
      spec,
    });
  } else if (root.path === undefined || root.path === '') {
    context.problem({
      code: 'config.root.path',
      message: 'root.path must not be empty',
      pointer: '/root/path',
      hint: 'name the directory that holds the root file system, such as "rootfs"',
      spec,
    });
  }
};

export const checkAnnotations: Check = context => {
  if (context.config.annotations?.[''] !== undefined) {
    context.problem({
      code: 'config.annotations',
      message: 'an annotation has an empty name',
      pointer: '/annotations/',
      spec: 'config.md#annotations',
    });
  }
};
