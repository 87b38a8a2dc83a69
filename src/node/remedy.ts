// SPDX-License-Identifier: Apache-2.0

/** Properties of a machine on which the addon cannot be loaded. */
export interface Evidence {
  readonly message: string;
  readonly platform: string;
  readonly arch: string;
  readonly nodeMajor: number;
  readonly musl: boolean;
  /** Directories in prebuilds/: `linux-x64`. */
  readonly prebuilds: readonly string[];
  readonly built: boolean;
  /** A checkout contains everything for a build; an installed package does not. */
  readonly checkout: boolean;
}

/** Checks the most likely cause first. */
export function remedy(evidence: Evidence): string {
  const { message, platform, arch, nodeMajor, musl, prebuilds, built, checkout } = evidence;
  const here = `${platform}-${arch}`;
  if (platform !== 'linux')
    return `containers are a feature of Linux, and this is ${platform}: use a virtual machine`;
  if (arch !== 'x64' && arch !== 'arm64') return `tsubo runs on x64 and arm64, and this is ${arch}`;
  if (nodeMajor < 20) return `this is Node ${nodeMajor}: install Node 20 or later`;
  if (/GLIBC_\S+' not found/.test(message)) {
    return 'the addon was built on a newer system: build it here with npm rebuild tsubo --build-from-source';
  }
  if (/invalid ELF header|wrong ELF class|cannot open shared object file/.test(message)) {
    return built
      ? 'it was built for another machine (a copied node_modules?): remove build/ and run npm rebuild'
      : 'node_modules comes from another machine: run npm ci here';
  }
  if (/NODE_MODULE_VERSION|symbol lookup error|undefined symbol/.test(message)) {
    return 'it was built for another version of Node: run npm rebuild';
  }
  if (/permission denied|failed to map segment/i.test(message)) {
    return 'the directory may be on a noexec mount: see findmnt -T node_modules';
  }
  if (checkout && !built && prebuilds.length === 0) {
    return 'it has not been built yet: run npm install and npm run build in the checkout (needs g++, make and python3)';
  }
  if (prebuilds.length > 0 && !prebuilds.some(name => name === here)) {
    return `the package has it for ${prebuilds.join(', ')}, not for ${here}: npm rebuild --build-from-source builds it`;
  }
  if (musl) return 'this system has musl and not glibc: npm rebuild --build-from-source builds it here';
  return 'remove node_modules and install again; npm rebuild --build-from-source builds it here';
}
