// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { RuntimeError } from '../../errors/error.ts';
import { digestOfText, isDigest } from '../../image/digest.ts';
import { manifestTypes } from '../../image/manifest.ts';
import { largestDocument } from '../../image/store.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { badAnswer, type Reply, type Sent, send, textOf } from './http.ts';
import type { Endpoint } from './settings.ts';

export interface RawManifest {
  readonly text: string;
  readonly mediaType: string;
  readonly digest: string;
}

export interface ClientOptions {
  /** As written in references. */
  readonly registry: string;
  readonly endpoints: readonly Endpoint[];
  /** Called when the registry requires credentials. Mirrors do not get the credentials of the registry. */
  readonly credentials: (host: string) => Credentials | undefined;
  /** Receives messages about the progress: a mirror that fails, a wait that the registry requests. */
  readonly notice: (message: string) => void;
}

/**
 * Seconds. If the registry requests a longer wait, the command fails, and its error contains the time of the next
 * attempt.
 */
const longestWait = 60;
const mostWaits = 5;

/** A registry with its mirrors: the parts of OCI's distribution specification that pulls and pushes need. */
export class RegistryClient {
  readonly #options: ClientOptions;
  /** Value of the header Authorization by address and repository. */
  readonly #authorizations = new Map<string, string>();
  readonly #failedMirrors = new Set<string>();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** @param selector - a tag or a digest */
  async manifest(repository: string, selector: string): Promise<RawManifest> {
    const path = `v2/${repository}/manifests/${selector}`;
    return this.#first(path, async endpoint => {
      const headers = { accept: manifestTypes.join(', ') };
      const reply = await this.#get(endpoint, path, repository, headers);
      if (reply.status !== 200) throw await this.#failure(reply, repository, selector);
      const text = await textOf(reply, largestDocument);
      const digest = digestOfText(text);
      const stated = isDigest(selector) ? selector : reply.headers['docker-content-digest'];
      if (typeof stated === 'string' && isDigest(stated) && stated !== digest) {
        throw new RuntimeError({
          code: 'registry.digest',
          message: `the manifest of ${repository} has another digest: ${digest} instead of ${stated}`,
          value: stated,
          hint: 'the registry, a mirror or a proxy changes data',
        });
      }
      const mediaType = (reply.headers['content-type'] ?? '').replace(/;.*$/, '').trim();
      return { text, mediaType, digest };
    });
  }

  /**
   * Requests a blob from the byte `offset` on. The status is 200 if the answer begins at byte 0, otherwise 206 or 416.
   */
  async blob(repository: string, digest: string, offset: number): Promise<Reply> {
    const path = `v2/${repository}/blobs/${digest}`;
    return this.#first(path, async endpoint => {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const reply = await this.#get(endpoint, path, repository, headers);
      if (reply.status === 200 || reply.status === 206 || (offset > 0 && reply.status === 416)) return reply;
      throw await this.#failure(reply, repository, digest);
    });
  }

  /** Returns true if the repository has the blob. */
  async hasBlob(repository: string, digest: string): Promise<boolean> {
    const endpoint = this.#registry;
    const url = new URL(`v2/${repository}/blobs/${digest}`, endpoint.base);
    const reply = await this.#request(endpoint, url, repository, { method: 'HEAD' });
    reply.body.destroy();
    if (reply.status === 200) return true;
    if (reply.status === 404) return false;
    throw await this.#failure(reply, repository, digest);
  }

  /**
   * Uploads a blob in one request.
   *
   * @param from - another repository of the registry that has the blob: then nothing is sent if the registry permits it
   * @returns true if the registry took the blob from there
   */
  async upload(
    repository: string,
    { digest, size }: { readonly digest: string; readonly size: number },
    stream: () => Readable,
    from?: string,
  ): Promise<boolean> {
    const endpoint = this.#registry;
    const begin = new URL(`v2/${repository}/blobs/uploads/`, endpoint.base);
    if (from !== undefined) {
      begin.searchParams.set('mount', digest);
      begin.searchParams.set('from', from);
    }
    const begun = await this.#request(endpoint, begin, repository, {
      method: 'POST',
      headers: { 'content-length': '0' },
    });
    if (begun.status === 201 && from !== undefined) {
      begun.body.destroy();
      return true;
    }
    if (begun.status !== 202) throw await this.#failure(begun, repository, digest);
    begun.body.destroy();
    const { location = '' } = begun.headers;
    let place: URL;
    try {
      place = new URL(location, begun.url);
    } catch {
      throw badAnswer(begun.url, `its place for uploads is ${JSON.stringify(location)}`);
    }
    place.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) };
    const reply = await this.#request(endpoint, place, repository, { method: 'PUT', headers, stream });
    if (reply.status !== 201) throw await this.#failure(reply, repository, digest);
    reply.body.destroy();
    return false;
  }

  /** @param selector - a tag or a digest */
  async putManifest(
    repository: string,
    selector: string,
    { text, mediaType }: Omit<RawManifest, 'digest'>,
  ): Promise<void> {
    const endpoint = this.#registry;
    const url = new URL(`v2/${repository}/manifests/${selector}`, endpoint.base);
    const headers = { 'content-type': mediaType };
    const reply = await this.#request(endpoint, url, repository, { method: 'PUT', headers, body: text });
    if (reply.status !== 201) throw await this.#failure(reply, repository, selector);
    reply.body.destroy();
  }

  /** Uploads go to the registry itself, and never to a mirror. */
  get #registry(): Endpoint {
    return this.#options.endpoints.at(-1) as Endpoint;
  }

  /** Checks credentials. */
  async ping(): Promise<void> {
    const endpoint = this.#options.endpoints.at(-1) as Endpoint;
    const reply = await this.#get(endpoint, 'v2/', '', {});
    if (reply.status !== 200) throw await this.#failure(reply, '', '');
    reply.body.destroy();
  }

  /** Calls `work` with each address until one succeeds. */
  async #first<T>(path: string, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    for (const endpoint of this.#options.endpoints) {
      if (this.#failedMirrors.has(endpoint.base.href)) continue;
      try {
        return await work(endpoint);
      } catch (error) {
        if (!(error instanceof RuntimeError) || !endpoint.isMirror) throw error;
        if (error.code === 'registry.unreachable') this.#failedMirrors.add(endpoint.base.href);
        this.#options.notice(`mirror ${endpoint.base.host}: ${error.message}`);
      }
    }
    throw badAnswer(new URL(path, 'http://none/'), 'there is no address');
  }

  async #get(
    endpoint: Endpoint,
    path: string,
    repository: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Reply> {
    return this.#request(endpoint, new URL(path, endpoint.base), repository, { headers });
  }

  async #request(endpoint: Endpoint, url: URL, repository: string, sent: Sent): Promise<Reply> {
    // The address for an upload may be on another server, which must not get credentials.
    const isOwn = url.origin === endpoint.base.origin;
    const key = `${endpoint.base.href} ${repository}`;
    let challenged = false;
    for (let waits = 0; ; ) {
      const authorization = this.#authorizations.get(key);
      const reply = await send(url, {
        ...sent,
        headers: { ...sent.headers, ...(authorization && isOwn && { authorization }) },
      });
      if (reply.status === 401 && !challenged && isOwn) {
        // A token of an earlier request may have expired, therefore one that was sent is replaced once.
        challenged = true;
        const challenges = parseChallenges(reply.headers['www-authenticate'] ?? '');
        const fresh = await this.#authorize(endpoint, challenges, repository);
        if (fresh !== undefined) {
          reply.body.destroy();
          this.#authorizations.set(key, fresh);
          continue;
        }
      }
      const wait = reply.status === 429 || reply.status === 503 ? retryAfter(reply) : undefined;
      if (wait === undefined || wait > longestWait || waits === mostWaits) return reply;
      waits++;
      reply.body.destroy();
      this.#options.notice(`${url.host} asks to wait ${wait} s`);
      await sleep(wait * 1000);
    }
  }

  /** The header for a challenge; undefined if there are no credentials for it. */
  async #authorize(
    endpoint: Endpoint,
    challenges: readonly Challenge[],
    repository: string,
  ): Promise<string | undefined> {
    const host = endpoint.isMirror ? endpoint.base.host : this.#options.registry;
    const credentials = this.#options.credentials(host);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined)
      return `Bearer ${await fetchToken(endpoint.base, bearer, credentials, repository)}`;
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
    return isBasic && credentials !== undefined ? basic(credentials) : undefined;
  }

  async #failure(reply: Reply, repository: string, selector: string): Promise<RuntimeError> {
    const { status } = reply;
    const host = this.#options.registry;
    const detail = messageOf(await textOf(reply, 65_536).catch(() => ''));
    const name = repository === '' ? host : `${host}/${repository}`;
    const at = reply.url.host === host ? '' : ` (${reply.url.host})`;
    const said = detail === '' ? '' : `: ${detail}`;
    if (status === 401) {
      const has = this.#options.credentials(host) !== undefined;
      return new RuntimeError({
        code: 'registry.unauthorized',
        message: `${host}${at} refuses ${has ? 'the credentials' : 'access without credentials'} for ${name}${said}`,
        value: name,
        hint: `tsubo login ${host}${repository === '' ? '' : '; a registry answers the same for an image that it does not have'}`,
      });
    }
    if (status === 403) {
      return new RuntimeError({
        code: 'registry.forbidden',
        message: `${host}${at} does not permit access to ${name}${said}`,
        value: name,
        hint: 'the account has no right to this repository',
      });
    }
    if (status === 404) {
      return new RuntimeError({
        code: 'registry.not-found',
        message: `${name}${isDigest(selector) ? '@' : ':'}${selector} does not exist${at}${said}`,
        value: name,
        hint: 'check the name and the tag; a private repository needs tsubo login',
      });
    }
    if (status === 429) {
      const wait = retryAfter(reply);
      return new RuntimeError({
        code: 'registry.rate-limited',
        message: `${host}${at} permits no more requests at present${said}`,
        value: name,
        hint:
          wait === undefined
            ? 'try again later; an account often has a higher limit: tsubo login'
            : `try again in ${wait} s, at ${new Date(Date.now() + wait * 1000).toISOString().slice(0, 19)}Z`,
      });
    }
    return badAnswer(reply.url, `status ${status}${said}`);
  }
}

/** Seconds of the header Retry-After, which has a number or a date. */
function retryAfter({ headers }: Reply): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Gets a token from the server that the registry names in its challenge. */
async function fetchToken(
  base: URL,
  { parameters }: Challenge,
  credentials: Credentials | undefined,
  repository: string,
): Promise<string> {
  const {
    realm = '',
    service,
    scope = repository === '' ? undefined : `repository:${repository}:pull`,
  } = parameters;
  let url: URL;
  try {
    url = new URL(realm);
  } catch {
    throw badAnswer(base, `its challenge names ${JSON.stringify(realm)} for tokens`);
  }
  if (credentials !== undefined && base.protocol === 'https:' && url.protocol !== 'https:') {
    throw badAnswer(base, `it asks for a password without TLS at ${url.host}`);
  }
  const reply = await requestToken(url, service, scope, credentials);
  const text = await textOf(reply, largestDocument);
  if (reply.status !== 200) {
    const detail = messageOf(text);
    const refused = reply.status === 401 || reply.status === 403 || reply.status === 400;
    throw refused
      ? new RuntimeError({
          code: 'registry.unauthorized',
          message: `${url.host} refuses a token for ${base.host}${detail === '' ? '' : `: ${detail}`}`,
          value: base.host,
          hint: 'check the name and the password: tsubo login',
        })
      : badAnswer(url, `status ${reply.status}`);
  }
  const token = tokenOf(text);
  if (token === undefined) throw badAnswer(url, 'it contains no token');
  return token;
}

function requestToken(
  realm: URL,
  service: string | undefined,
  scope: string | undefined,
  credentials: Credentials | undefined,
): Promise<Reply> {
  const fields = new URLSearchParams();
  if (service !== undefined) fields.set('service', service);
  if (scope !== undefined) fields.set('scope', scope);
  if (credentials?.identityToken !== undefined) {
    fields.set('grant_type', 'refresh_token');
    fields.set('refresh_token', credentials.identityToken);
    fields.set('client_id', 'tsubo');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return send(realm, { method: 'POST', headers, body: fields.toString() });
  }
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.set(name, value);
  return send(url, { headers: credentials === undefined ? {} : { authorization: basic(credentials) } });
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(text) as Record<string, unknown>;
    const found = [token, other].find(value => typeof value === 'string' && value !== '');
    return found as string | undefined;
  } catch {
    return undefined;
  }
}

/** Returns the first message in a registry's error document. */
function messageOf(text: string): string {
  try {
    const { errors, details } = JSON.parse(text) as {
      errors?: { message?: unknown; code?: unknown }[];
      details?: unknown;
    };
    const message = errors?.[0]?.message ?? errors?.[0]?.code ?? details;
    return typeof message === 'string' ? message.slice(0, 200) : '';
  } catch {
    return '';
  }
}
