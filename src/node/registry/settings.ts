// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { RuntimeError } from '../../errors/error.ts';
import { defaultRegistry } from '../../image/reference.ts';
import { isLoopback } from './http.ts';
import { certificateDirectories, hostCertificates } from './trust.ts';

/** Settings of the machine's administrator for a registry. */
interface RegistrySettings {
  readonly mirrors: readonly string[];
  readonly plainHttp?: boolean;
}

/** Addresses of a registry: the mirrors first, the registry itself last. */
export interface Endpoint {
  /** Ends with a slash. */
  readonly base: URL;
  readonly isMirror: boolean;
}

export const settingsPath = '/etc/tsubo/tsubo.json';

/**
 * Reads the member `registries` of the settings:
 * `{ "registries": { "docker.io": { "mirrors": ["https://mirror.example"], "plainHttp": false } } }`.
 */
function settingsOf(registry: string, path: string): RegistrySettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { mirrors: [] };
    throw broken(path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw broken(path, 'it is not valid JSON');
  }
  const registries = member(document, 'registries', path);
  const entry = member(registries, registry, path);
  const { mirrors = [], plainHttp } = (entry ?? {}) as { mirrors?: unknown; plainHttp?: unknown };
  const place = `registries[${JSON.stringify(registry)}]`;
  if (!Array.isArray(mirrors) || mirrors.some(mirror => typeof mirror !== 'string'))
    throw broken(path, `${place}.mirrors is not a list of addresses`);
  if (plainHttp !== undefined && typeof plainHttp !== 'boolean')
    throw broken(path, `${place}.plainHttp is not true or false`);
  return { mirrors: mirrors as string[], ...(plainHttp !== undefined && { plainHttp }) };
}

function member(value: unknown, name: string, path: string): unknown {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken(path, 'registries and its members are objects');
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function broken(path: string, problem: string): RuntimeError {
  return new RuntimeError({
    code: 'registry.settings',
    message: `unable to use the settings in ${path}: ${problem}`,
    path,
    hint: '{"registries": {"docker.io": {"mirrors": ["https://mirror.example"]}}} is an example',
  });
}

/**
 * Returns the addresses of a registry. HTTP is used only for loopback addresses without certificates, and for
 * registries whose settings have `plainHttp`.
 */
export function endpointsOf(registry: string, path: string): Endpoint[] {
  const { mirrors, plainHttp } = settingsOf(registry, path);
  // Docker's registry has another name on the network.
  const host = registry === defaultRegistry ? 'registry-1.docker.io' : registry;
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const hasCertificates = () => hostCertificates(host, certificateDirectories(process.env)) !== undefined;
  const isPlain = plainHttp ?? (isLoopback(name) && !hasCertificates());
  return [
    ...mirrors.map(mirror => ({ base: mirrorAddress(mirror, path), isMirror: true })),
    { base: new URL(`${isPlain ? 'http' : 'https'}://${host}/`), isMirror: false },
  ];
}

function mirrorAddress(text: string, path: string): URL {
  try {
    const address = new URL(text.endsWith('/') ? text : `${text}/`);
    if (address.protocol === 'http:' || address.protocol === 'https:') return address;
  } catch {
    // The error below contains the text.
  }
  throw broken(path, `the mirror ${JSON.stringify(text)} does not begin with https:// or http://`);
}
