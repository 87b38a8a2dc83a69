// SPDX-License-Identifier: Apache-2.0
// Debian packages as files, without installing them. apt fetches them from the mirror of this machine, checks their
// signatures, and has a separate state below build/cache. Other configuration of the machine (a proxy, the maximum age
// of an index) applies here too.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, top } from './stage.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * @typedef {object} Source
 * @property {string} site address of the archive, without the suite
 * @property {string} suite the suite of this machine
 */

/** @returns {Promise<Source[]>} the Debian archives in the configuration of this machine */
async function sources() {
  const format = '$(ORIGIN)\t$(LABEL)\t$(SITE)\t$(CODENAME)\t$(RELEASE)';
  const listed = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).catch(
    () => '',
  );
  /** @type {Map<string, Source>} */
  const found = new Map();
  for (const line of listed.split('\n')) {
    const [origin = '', label = '', site = '', codename = '', release = ''] = line.split('\t');
    // Before the first `apt-get update` of a machine only the addresses are available.
    const unknown = origin.startsWith('$(');
    if (!(unknown || (origin === 'Debian' && label === 'Debian')) || !/^\w+:\/\//.test(site)) continue;
    if (!found.has(site)) found.set(site, { site, suite: codename.startsWith('$(') ? release : codename });
  }
  return found.size > 0 ? [...found.values()] : sourcesBeforeUpdate();
}

/** @returns {Promise<Source[]>} the sources of `apt-get update`, for a machine where apt lists no targets before the first */
async function sourcesBeforeUpdate() {
  const listed = await run('apt-get', ['update', '--print-uris']).catch(() => '');
  return sourcesIn(listed);
}

/**
 * The first suite of each archive among the addresses that apt would fetch.
 * @param {string} listed lines of the form `'http://deb.example/debian/dists/bookworm/InRelease' NAME 0`
 * @returns {Source[]}
 */
export function sourcesIn(listed) {
  /** @type {Map<string, Source>} */
  const found = new Map();
  for (const [, site = '', suite = ''] of listed.matchAll(
    /^'(\w+:\/\/[^']+)\/dists\/([^']+)\/InRelease'/gm,
  )) {
    if (!found.has(site)) found.set(site, { site, suite });
  }
  return [...found.values()];
}

/**
 * Packages and their source.
 * @typedef {object} Wanted
 * @property {readonly string[]} packages a name that ends with `!` stands for the versioned package that it depends on:
 *   `linux-image-arm64!` for `linux-image-6.1.0-18-arm64`; `?priority(required)` for all of that priority
 * @property {readonly string[]} [suites] suites to search, in this order (default: the suite of this machine)
 * @property {string} [architecture] its Debian name (default: that of this machine)
 * @property {(name: string) => boolean} [dependencies] returns true for each direct or indirect dependency to include
 *   (default: none)
 */

/**
 * Unpacks Debian packages into a separate directory.
 *
 * @param {Wanted & { into: string }} wanted `into` is replaced only after everything was unpacked
 * @throws Failure if no mirror has them
 */
export async function unpackPackages({ into, ...wanted }) {
  await withPackages(wanted, into, async (debs, work) => {
    const tree = join(work, 'tree');
    for (const file of readdirSync(debs)) await run('dpkg-deb', ['-x', join(debs, file), tree]);
    rmSync(into, { recursive: true, force: true });
    renameSync(tree, into);
  });
}

/**
 * Downloads packages for one use, and removes them afterwards.
 *
 * @param {Wanted} wanted
 * @param {string} near the work directory is made beside this path
 * @param {(debs: string, work: string, site: string) => Promise<void>} use receives the directory of the packages, a work
 *   directory with a directory `tree`, and the address of the archive
 * @throws Failure if no mirror has them
 */
export async function withPackages({ suites, ...wanted }, near, use) {
  const mirrors = await sources();
  if (mirrors.length === 0) throw new Failure('this machine has no Debian mirror configured (apt)');
  /** @type {string[]} */
  const refusals = [];
  for (const { site, suite } of mirrors) {
    for (const name of suites ?? [suite]) {
      const work = `${near}.apt-${process.pid}`;
      try {
        await fetchFrom({ ...wanted, site, suite: name, work });
        await use(join(work, 'debs'), work, site);
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        refusals.push(`${site} ${name}: ${causeIn(error.message)}`);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    }
  }
  throw new Failure(refusals.join('\n'));
}

/**
 * Returns the line of apt's output that contains the cause.
 * @param {string} printed
 */
function causeIn(printed) {
  const lines = printed.split('\n').filter(line => line !== '');
  const [cause = ''] = [/^[EW]: Failed to fetch/, /^E: /, /./].flatMap(form =>
    lines.filter(line => form.test(line)),
  );
  return cause;
}

/** @param {Source & Omit<Wanted, 'suites'> & { work: string }} wanted */
async function fetchFrom({ site, suite, architecture, packages, dependencies, work }) {
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs', 'tree']) {
    mkdirSync(join(work, name), { recursive: true });
  }
  writeFileSync(join(work, 'status'), '');
  const options = ['target=Packages', ...(existsSync(keyring) ? [`signed-by=${keyring}`] : [])];
  writeFileSync(join(work, 'sources.list'), `deb [${options.join(' ')}] ${site} ${suite} main\n`);
  // apt reads this file after the machine's configuration. The machine's hooks are disabled, because they work on its own
  // package lists.
  const settings = {
    'Dir::Etc::SourceList': join(work, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::State::Status': join(work, 'status'),
    'Dir::State::Extended_states': join(work, 'extended_states'),
    'Dir::Cache': join(work, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    ...(architecture && { 'APT::Architecture': architecture, 'APT::Architectures': architecture }),
  };
  const lines = [
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Architectures;',
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
  ];
  writeFileSync(join(work, 'apt.conf'), `${lines.join('\n')}\n`);
  const configured = ['-qq', '-c', join(work, 'apt.conf')];
  // By default apt only warns of an index that it cannot fetch.
  await run('apt-get', [...configured, '-o', 'APT::Update::Error-Mode=any', 'update']);
  const named = await Promise.all(
    packages.map(async name => (name.endsWith('!') ? versioned(name.slice(0, -1), configured) : name)),
  );
  const names = dependencies === undefined ? named : await closure(named, dependencies, configured);
  await run('apt-get', [...configured, 'download', ...names], process.env, join(work, 'debs'));
}

/**
 * Returns the versioned package that a package without files depends on.
 * @param {string} name
 * @param {readonly string[]} configured
 */
async function versioned(name, configured) {
  const listed = await run('apt-cache', [...configured, 'depends', '--important', name]);
  const stem = name.split('-').slice(0, 2).join('-');
  const real = new RegExp(`Depends: (${stem}-\\S+)`).exec(listed)?.[1];
  if (real === undefined) throw new Failure(`${name} has no dependency named ${stem}-*`);
  return real;
}

/**
 * The packages with the dependencies that `wanted` selects.
 * @param {readonly string[]} packages
 * @param {(name: string) => boolean} wanted
 * @param {readonly string[]} configured
 */
async function closure(packages, wanted, configured) {
  const simulated = await run('apt-get', [
    ...configured,
    '--simulate',
    '--no-install-recommends',
    'install',
    ...packages,
  ]);
  const all = [...simulated.matchAll(/^Inst (\S+)/gm)].map(([, name]) => /** @type {string} */ (name));
  return [...new Set([...packages.filter(name => !name.startsWith('?')), ...all.filter(wanted)])];
}

/** Cache for unpacked packages. */
export const cache = join(top, 'build/cache');
