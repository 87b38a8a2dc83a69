// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { RuntimeError } from '../../errors/error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Bundles of the distributions, which also contain the authorities that an administrator has added. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora
  '/etc/ssl/ca-bundle.pem', // openSUSE
];

/** Contents of the directory of a registry. */
export interface HostCertificates {
  /** The directory. */
  readonly path: string;
  readonly authorities: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string };
}

/** Directories with a directory `HOST:PORT` for each registry: those of Podman, and that of Docker. */
export function certificateDirectories({ HOME }: Environment): string[] {
  const own = HOME?.startsWith('/') ? [join(HOME, '.config/containers/certs.d')] : [];
  return [...own, '/etc/containers/certs.d', '/etc/docker/certs.d'];
}

/**
 * Reads the first directory of a server: `*.crt` are authorities, `NAME.cert` and `NAME.key` belong to the client.
 *
 * @param host - with the port as written in references
 */
export function hostCertificates(host: string, directories: readonly string[]): HostCertificates | undefined {
  for (const directory of directories) {
    const path = join(directory, host);
    const names = namesIn(path);
    if (names === undefined) continue;
    const certs = names.filter(name => name.endsWith('.cert'));
    const keys = names.filter(name => name.endsWith('.key'));
    const lonely =
      certs.find(name => !keys.includes(name.replace(/cert$/, 'key'))) ??
      keys.find(name => !certs.includes(name.replace(/key$/, 'cert')));
    if (lonely !== undefined) {
      const isKey = lonely.endsWith('.key');
      const other = isKey ? lonely.replace(/key$/, 'cert') : lonely.replace(/cert$/, 'key');
      throw broken(
        join(path, lonely),
        `${other} is missing`,
        isKey ? 'put the certificate beside its key' : 'an authority has the ending .crt',
      );
    }
    const authorities = names.filter(name => name.endsWith('.crt')).map(name => read(join(path, name)));
    const [cert] = certs;
    if (cert === undefined) return { path, authorities };
    const client = {
      cert: read(join(path, cert)),
      key: read(join(path, cert.replace(/cert$/, 'key'))),
    };
    return { path, authorities, client };
  }
  return undefined;
}

/** Returns the names in a directory; undefined if it does not exist or may not be read. */
function namesIn(path: string): string[] | undefined {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Docker's directories may be readable for root only.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return undefined;
    throw broken(path, `it cannot be read (${code})`);
  }
}

/**
 * Returns the authorities for all servers: those of SSL_CERT_FILE; without it, of the system; without these, of Node.
 * Adds those of NODE_EXTRA_CA_CERTS, because Node ignores that variable if authorities are given.
 */
export function commonAuthorities(env: Environment, bundles: readonly string[] = systemBundles): string[] {
  const { SSL_CERT_FILE: chosen, NODE_EXTRA_CA_CERTS: extra } = env;
  const common = chosen ? read(chosen) : bundles.map(readIfThere).find(text => text !== undefined);
  return [...(common === undefined ? rootCertificates : [common]), ...(extra ? [read(extra)] : [])];
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** OpenSSL ignores authorities in another format. */
function read(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw broken(path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw broken(
    path,
    'it is not in the format PEM',
    'openssl x509 -inform der -in FILE -out FILE.crt converts it',
  );
}

function broken(path: string, problem: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'registry.settings',
    message: `unable to use the certificate ${path}: ${problem}`,
    path,
    ...(hint !== undefined && { hint }),
  });
}

const contexts = new Map<string, SecureContext>();

/** Returns the certificates for a server: those for all servers and its own. They are read once for each server. */
export function secureContextFor({ host }: URL, env: Environment = process.env): SecureContext {
  const known = contexts.get(host);
  if (known !== undefined) return known;
  const own = hostCertificates(host, certificateDirectories(env));
  const common = commonAuthorities(env);
  let context: SecureContext;
  try {
    context = createSecureContext({ ca: [...common, ...(own?.authorities ?? [])], ...own?.client });
  } catch (error) {
    const place = own?.path ?? env['SSL_CERT_FILE'] ?? env['NODE_EXTRA_CA_CERTS'] ?? '';
    throw broken(place, (error as Error).message);
  }
  contexts.set(host, context);
  return context;
}
