// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isDigest } from './digest.ts';

/** The complete name of an image: `docker.io/library/busybox:latest`. */
export interface Reference {
  /** Registry with its port: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `library/busybox`. */
  readonly repository: string;
  /** Undefined if the digest selects the image. */
  readonly tag?: string;
  readonly digest?: string;
}

export const defaultRegistry = 'docker.io';
const defaultNamespace = 'library/';
const defaultTag = 'latest';
/** Limit for the names of registry and repository together. */
const longestName = 255;

const registryPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[\w][\w.-]{0,127}$/;

/**
 * Parses the name of an image and completes it: `busybox` is `docker.io/library/busybox:latest`. A digest overrides a
 * tag.
 *
 * @throws RuntimeError `image.reference`
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const name = hasTag ? named.slice(0, colon) : named;
  if (/^[a-z][a-z+.-]*:\/\//.test(text)) {
    throw invalid(text, 'it begins with a scheme', `leave it out: ${text.replace(/^[^/]*\/\//, '')}`);
  }
  if (name === '') throw invalid(text, 'the name is empty', 'write NAME, NAME:TAG or NAME@DIGEST');
  if (tag !== undefined && !tagPattern.test(tag)) {
    const hint = 'a tag has at most 128 letters, digits, _, . and -, and begins with none of the last two';
    throw invalid(text, `invalid tag ${JSON.stringify(tag)}`, hint);
  }
  if (digest !== undefined && !isDigest(digest)) {
    const hint = 'a digest is sha256: and 64 hexadecimal digits in lower case';
    throw invalid(text, `invalid digest ${JSON.stringify(digest)}`, hint);
  }
  const { registry, repository } = split(name);
  checkName(text, registry, repository);
  const selected = digest === undefined ? { tag: tag ?? defaultTag } : { digest };
  return { registry, repository, ...selected };
}

/** Splits off the registry: a first component with a dot, a port or a capital letter, which no repository has. */
function split(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = first === 'localhost' || /[.:A-Z]/.test(first);
  const given = isRegistry ? first : defaultRegistry;
  const registry = given === 'index.docker.io' ? defaultRegistry : given;
  const path = isRegistry ? name.slice(slash + 1) : name;
  const inNamespace = registry !== defaultRegistry || path.includes('/');
  return { registry, repository: inNamespace ? path : defaultNamespace + path };
}

function checkName(text: string, registry: string, repository: string): void {
  if (!registryPattern.test(registry)) {
    throw invalid(text, `invalid registry ${JSON.stringify(registry)}`, 'write HOST/NAME or HOST:PORT/NAME');
  }
  const wrong = repository.split('/').find(part => !component.test(part));
  if (wrong !== undefined) {
    const capital = /[A-Z]/.test(wrong);
    throw invalid(
      text,
      wrong === '' ? 'a component of the name is empty' : `invalid name ${JSON.stringify(wrong)}`,
      capital
        ? `names of repositories are in lower case: ${text.toLowerCase()}`
        : 'a name has lower-case letters and digits, with single ., _ or - between them',
    );
  }
  if (/^(?:library\/)?[0-9a-f]{64}$/.test(repository) && registry === defaultRegistry) {
    throw invalid(text, 'the name is an id', 'write the name of a repository');
  }
  if (registry.length + 1 + repository.length > longestName) {
    throw invalid(text, 'the name is too long', `a name has at most ${longestName} characters`);
  }
}

function invalid(text: string, problem: string, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'image.reference',
    message: `invalid reference ${JSON.stringify(text)}: ${problem}`,
    value: text,
    hint,
  });
}

/** Returns the complete name: `docker.io/library/busybox:latest`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/** Returns the short form of a repository: `busybox` for `docker.io/library/busybox`. */
export function shortName({ registry, repository }: Pick<Reference, 'registry' | 'repository'>): string {
  if (registry !== defaultRegistry) return `${registry}/${repository}`;
  const short = repository.slice(defaultNamespace.length);
  return repository.startsWith(defaultNamespace) && !short.includes('/') ? short : repository;
}

/**
 * Returns the short form of an image's name: `busybox:latest`. A text that is not a complete name is returned
 * unchanged.
 */
export function shortReference(complete: string): string {
  const reference = tryReference(complete);
  if (reference === undefined) return complete;
  const { tag, digest } = reference;
  return `${shortName(reference)}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/** Like parseReference, but undefined for a text that is not a reference. */
export function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}
