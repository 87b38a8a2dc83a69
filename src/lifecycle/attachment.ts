// SPDX-License-Identifier: Apache-2.0
import { locate } from '../bundle/locate.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import {
  type Attachment,
  attachmentAnnotation,
  attachmentFlag,
  attachmentPrefix,
} from '../network/attachment.ts';
import type { PublishedPorts } from '../network/publish.ts';
import { defaultRequest, type NetworkRequest, networkFlag } from '../network/request.ts';
import { checkAttachment } from '../validate/check-attachment.ts';
import { allowedAnnotations, settingsFile } from './settings.ts';
import { parseDocument, withSourceLocation } from './source-location.ts';
import type { Warning } from './warnings.ts';

/** The ways in which a caller requests networks and ports; a container uses one of them. */
export interface AttachmentOptions {
  /** Networks to attach the container to. Default: none. */
  readonly networks?: readonly NetworkRequest[];
  /** Ports of the host that lead to the container; without `networks`, in the default network. Default: none. */
  readonly ports?: readonly PublishedPorts[];
  /** A file with networks and ports as JSON; relative to the working directory. Default: none. */
  readonly networkConfig?: string | undefined;
}

/** An attachment with the text that requested it. */
export interface RequestedAttachment extends Attachment {
  readonly warnings: readonly Warning[];
  /** The option in the errors of the files that are bound in the container. */
  readonly option: string;
  /** A finding whose origin is in the document gets its pointer, line and column there. */
  locate(fields: ErrorFields): ErrorFields;
}

/** Calls `work`; a failure gets its place in the document of the attachment. */
export function withAttachmentLocation<T>({ locate: place }: RequestedAttachment, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.document === undefined) throw error;
    throw new RuntimeError(place(error.fields()), { cause: error.cause });
  }
}

/**
 * Returns the attachment that the options or the config request. Without a request it makes no system call.
 *
 * @param config - config.json, which has been checked
 * @throws RuntimeError `usage.network`, `network.not-allowed`, `config.*` with the pointer in the document
 */
export function requestedAttachment(
  binding: Binding,
  config: { readonly annotations?: Readonly<Record<string, string>> },
  configText: string,
  { networks, ports, networkConfig }: AttachmentOptions,
): RequestedAttachment {
  const annotation = findAnnotation(config.annotations);
  const options = [
    ...(networkConfig === undefined ? [] : [attachmentFlag]),
    ...(networks === undefined ? [] : [networkFlag]),
    ...(ports === undefined ? [] : ['--publish']),
  ];
  if (annotation !== undefined) requireAllowed(binding, annotation.name);
  const sources = [
    ...(networkConfig === undefined ? [] : [attachmentFlag]),
    ...(networks === undefined && ports === undefined ? [] : [options.at(-1) ?? '']),
    ...(annotation === undefined ? [] : [`the annotation ${annotation.name}`]),
  ];
  if (sources.length > 1) {
    throw new RuntimeError({
      code: 'usage.network',
      document: options[0],
      message: `networks are requested twice: by ${sources.join(' and by ')}`,
      hint: 'write all networks and ports in one of them',
    });
  }
  if (networkConfig !== undefined) return fromFile(binding, networkConfig);
  if (annotation !== undefined) return fromAnnotation(configText, annotation);
  const given: Attachment = { networks: networks ?? [], ports: ports ?? [] };
  return { ...completed(given), warnings: [], option: networkFlag, locate: fields => fields };
}

/** Adds the default network if only ports are requested. */
function completed(attachment: Attachment): Attachment {
  const { networks, ports } = attachment;
  const [first] = ports;
  if (networks.length > 0 || first === undefined) return attachment;
  return { ...attachment, networks: [defaultRequest(first.origin ?? '--publish')] };
}

interface Annotation {
  readonly name: string;
  readonly value: string;
}

/** @throws RuntimeError `config.unsupported` for a version of the annotation that this program does not support */
function findAnnotation(annotations: Readonly<Record<string, string>> = {}): Annotation | undefined {
  let found: Annotation | undefined;
  for (const [name, value] of Object.entries(annotations)) {
    if (!name.startsWith(attachmentPrefix)) continue;
    if (name !== attachmentAnnotation) {
      throw new RuntimeError({
        code: 'config.unsupported',
        pointer: `/annotations/${name}`,
        message: `the annotation ${name} is not supported by this version`,
        hint: `use ${attachmentAnnotation}`,
      });
    }
    found = { name, value };
  }
  return found;
}

/** The administrator must allow the annotation, because labels of an image can become annotations. */
function requireAllowed(binding: Binding, name: string): void {
  if (allowedAnnotations(binding).includes(name)) return;
  throw new RuntimeError({
    code: 'network.not-allowed',
    pointer: `/annotations/${name}`,
    message: `the annotation ${name} requests networks, and ${settingsFile} does not allow it`,
    hint: `as root, write {"allowAnnotations": ["${name}"]} to ${settingsFile}, or use ${attachmentFlag}`,
  });
}

function fromFile(binding: Binding, path: string): RequestedAttachment {
  const text = onHost(`unable to read the network config ${path}`, () => binding.readText(path), {
    document: attachmentFlag,
  });
  const source = { text, document: path };
  const document = withSourceLocation(source, () => parseDocument(text, path));
  const prefix = `${attachmentFlag} `;
  const located = (pointer: string, fields: ErrorFields): ErrorFields => ({
    ...fields,
    document: path,
    pointer,
    ...locate(text, pointer),
  });
  const { attachment, problems, warnings } = checkAttachment(document, pointer => prefix + pointer);
  return {
    ...completed(attachment ?? refuse(problems, source)),
    warnings: warnings.map(warning => ({ ...warning, document: path })),
    option: attachmentFlag,
    locate: fields => relocated(fields, prefix, located),
  };
}

function fromAnnotation(configText: string, { name, value }: Annotation): RequestedAttachment {
  const place = { pointer: `/annotations/${name}` };
  const inner = (pointer: string | undefined) => (pointer ? `${pointer} of the annotation: ` : '');
  const inConfig = (fields: ErrorFields): ErrorFields => ({
    ...fields,
    ...place,
    line: undefined,
    column: undefined,
    message: inner(fields.pointer) + fields.message,
  });
  const located = (pointer: string, fields: ErrorFields): ErrorFields => ({
    ...fields,
    document: undefined,
    ...place,
    ...locate(configText, place.pointer),
    message: inner(pointer) + fields.message,
  });
  let document: unknown;
  try {
    document = parseDocument(value, `the annotation ${name}`);
  } catch (error) {
    throw error instanceof RuntimeError
      ? error.with({ ...place, line: undefined, column: undefined })
      : error;
  }
  const prefix = `${name} `;
  const { attachment, problems, warnings } = checkAttachment(document, pointer => prefix + pointer);
  return {
    ...completed(attachment ?? refuse(problems.map(inConfig), { text: configText })),
    warnings: warnings.map(inConfig),
    option: name,
    locate: fields => relocated(fields, prefix, located),
  };
}

function refuse(
  problems: readonly ErrorFields[],
  source: { readonly text: string; readonly document?: string },
): never {
  const [first = { code: 'internal', message: 'an attachment without problems' } as const] = problems;
  const more = problems.length - 1;
  const message =
    more === 0 ? first.message : `${first.message} (and ${more} more problem${more === 1 ? '' : 's'})`;
  return withSourceLocation(source, () => {
    throw new RuntimeError({ ...first, message, problems });
  });
}

/** Converts a pointer into the document, which follows the prefix of its origin, to pointer, line and column there. */
function relocated(
  fields: ErrorFields,
  prefix: string,
  located: (pointer: string, fields: ErrorFields) => ErrorFields,
): ErrorFields {
  const { document = '' } = fields;
  const pointer = document.startsWith(prefix) ? document.slice(prefix.length) : '';
  return /^\/(?:networks|ports|dns)(?:\/|$)/.test(pointer) ? located(pointer, fields) : fields;
}
