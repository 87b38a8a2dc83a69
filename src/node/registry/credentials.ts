// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { RuntimeError } from '../../errors/error.ts';
import { defaultRegistry } from '../../image/reference.ts';
import { type ObjectShape, string, stringMap } from '../../oci/shape.ts';
import { checkShape } from '../../validate/check-shape.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token, which replaces the password. */
  readonly identityToken?: string;
}

/** Go writes null for an empty value. */
interface DockerConfig {
  readonly auths?: Readonly<
    Record<
      string,
      Readonly<Partial<Record<'auth' | 'identitytoken' | 'username' | 'password', string | null>>>
    >
  > | null;
  readonly credsStore?: string | null;
  readonly credHelpers?: Readonly<Record<string, string>> | null;
}

const configShape: ObjectShape = {
  kind: 'object',
  properties: {
    auths: {
      kind: 'map',
      of: {
        kind: 'object',
        properties: { auth: string, identitytoken: string, username: string, password: string },
        partial: true,
      },
    },
    credsStore: string,
    credHelpers: stringMap,
  },
  partial: true,
};

/** Docker's name of its registry in files of credentials. */
const dockerHub = 'https://index.docker.io/v1/';
/** A helper writes this name for a refresh token. */
const tokenUser = '<token>';

export function configPath(): string {
  const directory = process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
  return join(directory, 'config.json');
}

function readConfig(): DockerConfig {
  const path = configPath();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw broken(path, `it cannot be read (${code})`);
  }
  if (text.trim() === '') return {};
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw broken(path, 'it is not valid JSON');
  }
  const [problem] = checkShape(configShape, document, '', 'the document').problems;
  if (problem !== undefined) throw broken(path, problem.message);
  return document as DockerConfig;
}

function broken(path: string, problem: string): RuntimeError {
  return new RuntimeError({
    code: 'registry.credentials',
    message: `unable to use the credentials in ${path}: ${problem}`,
    path,
    hint: 'correct the file; DOCKER_CONFIG names another directory',
  });
}

function keyOf(registry: string): string {
  return registry === defaultRegistry ? dockerHub : registry;
}

/** Returns the credentials for a registry in Docker's config.json or in the credential helper that it names. */
export function findCredentials(registry: string): Credentials | undefined {
  const config = readConfig();
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    const found = askHelper(helper, 'get', keyOf(registry));
    if (found !== undefined) return found;
  }
  const host = keyOf(registry);
  const keys = [
    host,
    `https://${registry}`,
    `http://${registry}`,
    `https://${registry}/v1/`,
    `https://${registry}/v2/`,
  ];
  const key = keys.find(name => Object.hasOwn(config.auths ?? {}, name));
  const entry = key === undefined ? undefined : config.auths?.[key];
  if (entry === undefined) return undefined;
  const pair = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8') : undefined;
  const colon = pair?.indexOf(':') ?? -1;
  if (pair !== undefined && colon < 0) throw broken(configPath(), `the entry ${key} is not NAME:PASSWORD`);
  const username = pair ? pair.slice(0, colon) : (entry.username ?? '');
  const password = pair ? pair.slice(colon + 1) : (entry.password ?? '');
  const { identitytoken } = entry;
  if (username === '' && !identitytoken) return undefined;
  return { username, password, ...(identitytoken && { identityToken: identitytoken }) };
}

function helperFor({ credHelpers, credsStore }: DockerConfig, registry: string): string | undefined {
  const helpers = credHelpers ?? {};
  const named = [registry, keyOf(registry)].find(name => Object.hasOwn(helpers, name));
  return (named === undefined ? undefined : helpers[named]) ?? (credsStore || undefined);
}

const answerShape: ObjectShape = {
  kind: 'object',
  properties: { Username: string, Secret: string },
  partial: true,
};

/** Calls `docker-credential-NAME ACTION`, with the registry or the credentials on standard input. */
function askHelper(name: string, action: 'get' | 'store' | 'erase', input: string): Credentials | undefined {
  const program = `docker-credential-${name}`;
  const done = spawnSync(program, [action], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  const problem =
    done.error === undefined
      ? done.status === 0
        ? undefined
        : (done.stdout + done.stderr).trim() || `exit status ${done.status}`
      : (done.error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'it is not in PATH'
        : done.error.message;
  if (problem !== undefined) {
    if (/credentials not found/i.test(problem)) return undefined;
    throw new RuntimeError({
      code: 'registry.credentials',
      message: `the credential helper ${program} failed: ${problem.split('\n')[0]}`,
      path: configPath(),
      hint: 'install the helper, or remove it from the file (credsStore, credHelpers)',
    });
  }
  if (action !== 'get') return undefined;
  let answer: unknown;
  try {
    answer = JSON.parse(done.stdout);
  } catch {
    throw broken(configPath(), `${program} answers without JSON`);
  }
  const { value, problems } = checkShape(answerShape, answer, '', 'the document');
  if (problems[0] !== undefined)
    throw broken(configPath(), `the answer of ${program} is not valid: ${problems[0].message}`);
  const { Username = '', Secret = '' } = value as { readonly Username?: string; readonly Secret?: string };
  if (Username === tokenUser) return { username: '', password: '', identityToken: Secret };
  return Username === '' ? undefined : { username: Username, password: Secret };
}

/** Stores credentials where findCredentials finds them. Returns the path of the file if they are in it as plain text. */
export function storeCredentials(registry: string, { username, password }: Credentials): string | undefined {
  const config = readConfig();
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    askHelper(
      helper,
      'store',
      JSON.stringify({ ServerURL: keyOf(registry), Username: username, Secret: password }),
    );
    return undefined;
  }
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  writeConfig({ ...config, auths: { ...config.auths, [keyOf(registry)]: { auth } } });
  return configPath();
}

/** Returns false if there were none. */
export function eraseCredentials(registry: string): boolean {
  const config = readConfig();
  const helper = helperFor(config, registry);
  const key = keyOf(registry);
  let erased = false;
  if (helper !== undefined && askHelper(helper, 'get', key) !== undefined) {
    askHelper(helper, 'erase', key);
    erased = true;
  }
  if (!Object.hasOwn(config.auths ?? {}, key)) return erased;
  const { [key]: _, ...auths } = config.auths ?? {};
  writeConfig({ ...config, auths });
  return true;
}

/** Replaces the file; only its owner can read it. */
function writeConfig(config: DockerConfig): void {
  const path = configPath();
  const fresh = `${path}.tsubo-${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(fresh, 'w', 0o600);
    try {
      writeSync(fd, `${JSON.stringify(config, null, '\t')}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    chmodSync(fresh, 0o600);
    renameSync(fresh, path);
  } catch (error) {
    throw broken(path, `it cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}
