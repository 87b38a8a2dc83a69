// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../native/build/programs.mjs';

export interface Issued {
  /** Paths of files in the format PEM. */
  readonly cert: string;
  readonly key: string;
  /** Their contents. */
  readonly pem: { readonly cert: string; readonly key: string };
}

/** A certificate authority of the tests, in a directory. */
export class Authority {
  readonly #directory: string;
  readonly #name: string;
  readonly #own: Issued;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    this.#own = this.#make(name, 'basicConstraints = critical, CA:TRUE', []);
  }

  /** The path of its certificate. */
  get cert(): string {
    return this.#own.cert;
  }

  /** @param names - `DNS:registry.test`, `IP:127.0.0.1` */
  issue(name: string, ...names: readonly string[]): Issued {
    const { cert, key } = this.#own;
    const alternatives = `subjectAltName = ${names.length === 0 ? 'DNS:none' : names.join(', ')}`;
    return this.#make(`${this.#name}-${name}`, alternatives, ['-CA', cert, '-CAkey', key]);
  }

  #make(name: string, extension: string, signer: readonly string[]): Issued {
    const at = (ending: string) => join(this.#directory, `${name}.${ending}`);
    // The fetched openssl has no configuration of its own.
    writeFileSync(
      at('cnf'),
      `[req]\ndistinguished_name = subject\nprompt = no\nx509_extensions = more\n[subject]\nCN = ${name}\n[more]\n${extension}\n`,
    );
    const words = [
      ...['req', '-x509', '-config', at('cnf'), '-days', '2', '-nodes', ...signer],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-keyout', at('pem.key'), '-out', at('pem')],
    ];
    const done = spawnSync(findProgram('openssl') ?? 'openssl', words, {
      encoding: 'utf8',
      timeout: 30_000,
    });
    if (done.status !== 0) throw new Error(`openssl: ${done.stderr}`);
    const [cert, key] = [at('pem'), at('pem.key')];
    return { cert, key, pem: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } };
  }
}
