// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { ObjectShape } from '../oci/shape.ts';
import { strings } from '../oci/shape.ts';
import { checkShape } from '../validate/check-shape.ts';
import { parseDocument, withSourceLocation } from './source-location.ts';

/** Settings of the administrator for all containers of the machine. */
export const settingsFile = '/etc/tsubo/tsubo.json';

const shape: ObjectShape = { kind: 'object', properties: { allowAnnotations: strings } };

/**
 * Returns the annotations of config.json that the administrator allows to change more than the container; none without
 * the file.
 *
 * @throws RuntimeError `state.untrusted` if another user can write to the file; `config.*` if it is not valid
 */
export function allowedAnnotations(binding: Binding): readonly string[] {
  const text = readSettings(binding);
  if (text === undefined) return [];
  return withSourceLocation({ text, document: settingsFile }, () => {
    const document = parseDocument(text, settingsFile);
    const { value, problems, warnings } = checkShape(shape, document, '', settingsFile);
    // A misspelled permission must not look like a missing one.
    const [fault] = [...problems, ...warnings];
    if (fault !== undefined) throw new RuntimeError({ ...fault, spec: undefined });
    return (value as { readonly allowAnnotations?: readonly string[] }).allowAnnotations ?? [];
  });
}

function readSettings(binding: Binding): string | undefined {
  try {
    return binding.readTextIfThere(settingsFile, true);
  } catch (error) {
    if (!isSystemError(error) || error.errno !== errno.EPERM) throw error;
    throw new RuntimeError({
      code: 'state.untrusted',
      message: `${settingsFile} is owned by another user, or others may write to it`,
      path: settingsFile,
      hint: `run: chown root ${settingsFile}; chmod 644 ${settingsFile}`,
    });
  }
}
