// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';

/** Operating system and processor of an image, with Go's names. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** For example `v8` of arm64, `v6` and `v7` of arm. */
  readonly variant?: string;
}

/** Other names of architectures: those of uname(2) and common spellings. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
  i386: '386',
  i686: '386',
};

/** The names of emulators that differ from Go's names of the architectures. */
const emulators: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  '386': 'i386',
  arm64: 'aarch64',
  mips64le: 'mips64el',
  mipsle: 'mipsel',
  loong64: 'loongarch64',
};

/** Returns the name of the program that executes programs of the platform on another machine. */
export function emulatorOf({ architecture }: Pick<Platform, 'architecture'>): string {
  return `qemu-${Object.hasOwn(emulators, architecture) ? emulators[architecture] : architecture}`;
}

/** Variants with the same meaning as an absent variant. */
const defaultVariants: Readonly<Record<string, string>> = { arm64: 'v8', amd64: 'v1' };

/** Returns the platform of this machine. `machine` is the field of uname(2). */
export function machinePlatform(machine: string): Platform {
  return { os: 'linux', architecture: architectures[machine] ?? machine };
}

/**
 * Parses the value of `--platform`: `linux/arm64`, `linux/arm/v7` or `arm64`.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const [os = '', architecture = '', variant] = parts.length === 1 ? ['linux', text] : parts;
  const isWord = (word: string) => /^[a-z0-9_-]+$/i.test(word);
  if (
    parts.length > 3 ||
    !isWord(os) ||
    !isWord(architecture) ||
    (variant !== undefined && !isWord(variant))
  ) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid platform ${JSON.stringify(text)}`,
      value: text,
      hint: 'write ARCHITECTURE, OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64',
    });
  }
  const name = architecture.toLowerCase();
  const implied = name === 'armhf' ? 'v7' : name === 'armel' ? 'v6' : undefined;
  const given = variant ?? implied;
  return {
    os: os.toLowerCase(),
    architecture: Object.hasOwn(architectures, name) ? (architectures[name] as string) : name,
    ...(given !== undefined && { variant: given.toLowerCase() }),
  };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(part => part !== undefined && part !== '').join('/');
}

/** Returns true if `requested` can run an image of the platform `offered`. */
export function isFor(offered: Platform, requested: Platform): boolean {
  return rank(offered, requested) > 0;
}

/**
 * Selects the best image of an index: the image with the requested variant; otherwise the image without a variant;
 * otherwise, except for arm64, the highest variant below the requested one. If no variant is requested: the image
 * without a variant, otherwise the lowest variant. Undefined if the index has no image for the platform.
 */
export function selectPlatform<Entry extends { readonly platform?: Platform }>(
  entries: readonly Entry[],
  requested: Platform,
): Entry | undefined {
  let best: Entry | undefined;
  let bestRank = 0;
  for (const entry of entries) {
    const found = entry.platform === undefined ? 0 : rank(entry.platform, requested);
    if (found > bestRank) {
      best = entry;
      bestRank = found;
    }
  }
  return best;
}

/** 0 if the image is not for the platform; higher is better. */
function rank(offered: Platform, requested: Platform): number {
  if (offered.os !== requested.os || offered.architecture !== requested.architecture) return 0;
  const has = variantOf(offered);
  const needs = variantOf(requested);
  if (has === needs) return 100;
  if (needs === undefined) return has === undefined ? 100 : 50 - numberOf(has);
  if (has === undefined) return 90;
  if (offered.architecture === 'arm64') return 0;
  const below = numberOf(needs) - numberOf(has);
  return below > 0 ? 80 - below : 0;
}

function variantOf({ architecture, variant }: Platform): string | undefined {
  return variant === '' || variant === defaultVariants[architecture] ? undefined : variant;
}

function numberOf(variant: string): number {
  return Number(/\d+/.exec(variant)?.[0] ?? 0);
}
